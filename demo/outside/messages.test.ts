import { createTranslator, type Translator } from 'tidelog/automation'
import { simulate } from 'tidelog/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { shopWith } from '../shop.ts'
import { translatePrice, translateStock } from './messages.ts'

const openShop = () =>
  simulate(
    shopWith(async () => {}),
    { devices: 1 },
  )
let world: ReturnType<typeof openShop>
let stock: Translator
let prices: Translator
beforeEach(() => {
  world = openShop()
  stock = createTranslator(world.devices[0].log, 'stock', translateStock)
  prices = createTranslator(world.devices[0].log, 'prices', translatePrice)
})
afterEach(() => world.close())

const factsOf = async () =>
  (await world.devices[0].log.read().all()).events.map(({ type, data }) => [type, ...Object.values(data)])

describe('the messages of the outside world', () => {
  test('CART-6 become facts of the shop, each once, in its own words', async () => {
    expect(await stock.receive({ box: 'mug', left: 3 }, 7)).toBe('taken')
    expect(await prices.receive({ good: 'mug', was: 900, is: 850 }, 1)).toBe('taken')
    expect(await stock.receive({ box: 'mug', left: 3 }, 7)).toBe('bypassed')
    expect(await stock.receive({ box: 'mug', left: 9 }, 6)).toBe('bypassed')
    expect(await factsOf()).toEqual([
      ['InventoryChanged', 'mug', 3],
      ['PriceChanged', 'mug', 900, 850],
    ])
    expect([await stock.last(), await prices.last()]).toEqual([7, 1])
  })
  test('CART-6 are recorded when nobody understands them, and the next one is taken', async () => {
    const nonsense = [{ box: 'mug', left: 'a few' }, { box: 'mug', left: -1 }, { left: 1.5, box: 'mug' }, 'hello', null]
    for (const [at, message] of nonsense.entries()) expect(await stock.receive(message, at)).toBe('recorded')
    expect((await stock.untranslated()).map(({ message }) => message)).toEqual(nonsense)
    expect(await stock.receive({ box: 'mug', left: 1 }, nonsense.length)).toBe('taken')
    expect(await factsOf()).toEqual([['InventoryChanged', 'mug', 1]])
    await stock.discard(0)
    expect(await stock.untranslated()).toHaveLength(nonsense.length - 1)
  })
  test('are passed over when they change nothing here', async () => {
    expect(await stock.receive({ box: 'anvil', left: 3 }, 1)).toBe('passed')
    expect(await prices.receive({ good: 'anvil', was: 1, is: 2 }, 1)).toBe('passed')
    expect(await prices.receive({ good: 'mug', was: 900, is: 900 }, 2)).toBe('passed')
    expect(await factsOf()).toEqual([])
  })
})
