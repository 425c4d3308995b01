import { simulate } from 'tidelog/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { carryOut } from './commands.ts'
import { addItem, removeItem, submitCart } from './rules.ts'
import { cart, shop } from './shop.ts'

const cartId = 'c'
const add = (itemId: string) => addItem({ cartId, itemId, productId: 'mug', price: 900, fingerprint: 'test' })

type Shop = ReturnType<typeof openShop>
type Log = Shop['a']['log']
const openShop = () => {
  const world = simulate(shop, { devices: 2 })
  const [a, b] = world.devices
  if (a === undefined || b === undefined) throw new Error('two devices are wanted')
  return { world, a, b }
}
const cartOf = (log: Log) => log.view(cart, { cartId }).ready
const itemsOf = async (log: Log) => (await cartOf(log))?.items.map(({ itemId }) => itemId).sort()

let world: Shop['world']
let a: Shop['a']
let b: Shop['b']
beforeEach(() => {
  ;({ world, a, b } = openShop())
})
afterEach(() => world.close())

describe('two tabs of one device', () => {
  test('fill a cart at the same moment and never beyond its limit', async () => {
    const other = a.openTab()
    const answers = await Promise.all(
      ['1', '2', '3', '4', '5', '6'].map((itemId, at) => carryOut(at % 2 === 0 ? a.log : other, add(itemId))),
    )
    expect(answers.filter(({ ok }) => ok)).toHaveLength(3)
    for (const answer of answers) if (!answer.ok) expect(answer.reason).toEqual({ type: 'CartFull', max: 3 })
    expect(await itemsOf(other)).toHaveLength(3)
    const { events } = await other.read({ query: { types: ['CartCreated'] } }).all()
    expect(events).toHaveLength(1)
  })
})

describe('two devices offline', () => {
  beforeEach(async () => {
    expect(await carryOut(a.log, add('1'))).toEqual({ ok: true })
    await world.settle()
    a.offline()
    b.offline()
  })
  const meet = async () => {
    a.online()
    await world.settle()
    b.online()
    await world.settle()
  }

  test('both adding: the first to arrive is taken, the other is kept with its reason', async () => {
    expect(await carryOut(a.log, add('2'))).toEqual({ ok: true })
    expect(await carryOut(b.log, add('3'))).toEqual({ ok: true })
    await meet()
    expect(await itemsOf(a.log)).toEqual(['1', '2'])
    expect(await itemsOf(b.log)).toEqual(['1', '2'])
    const [letter] = await b.log.deadLetters.list()
    expect(letter?.reason.type).toBe('Conflict')
    expect(letter?.events.map(({ type }) => type)).toEqual(['ItemAdded'])
  })
  test('one adding and one removing: both hold, since neither rule looks at the other', async () => {
    expect(await carryOut(a.log, add('2'))).toEqual({ ok: true })
    expect(await carryOut(b.log, removeItem({ cartId, itemId: '1' }))).toEqual({ ok: true })
    await meet()
    expect(await itemsOf(a.log)).toEqual(['2'])
    expect(await itemsOf(b.log)).toEqual(['2'])
    expect(await b.log.deadLetters.list()).toEqual([])
  })
  test('one ordering and one adding: what was ordered stays as it was', async () => {
    expect(await carryOut(a.log, submitCart({ cartId }))).toEqual({ ok: true })
    expect(await carryOut(b.log, add('2'))).toEqual({ ok: true })
    await meet()
    expect((await cartOf(b.log))?.submitted).toEqual({ total: 900, pending: false })
    expect(await itemsOf(b.log)).toEqual(['1'])
    expect(await carryOut(b.log, add('3'))).toEqual({ ok: false, reason: { type: 'CartCannotBeAltered' } })
  })
})

test('CART-3 shows an unknown cart as undefined, and an emptied one as an empty cart', async () => {
  expect(await cartOf(a.log)).toBeUndefined()
  await carryOut(a.log, add('1'))
  await carryOut(a.log, removeItem({ cartId, itemId: '1' }))
  const view = a.log.view(cart, { cartId })
  expect(await view.waitFor((await a.log.logHead()).marker)).toEqual({ items: [], submitted: undefined })
})
