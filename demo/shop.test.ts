import { simulate } from 'tidelog/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cart } from './cart.ts'
import { causesToWords, reasonToWords, wishToWords } from './letter-words.ts'
import { addItem, removeItem, submitCart } from './rules.ts'
import { type ShopLog, shopWith } from './shop.ts'

const cartId = 'c'
const item = (itemId: string) => ({ cartId, itemId, productId: 'mug', price: 900, fingerprint: 'test' })

type Shop = ReturnType<typeof openShop>
type Log = Shop['a']['log']
const openShop = () => {
  const world = simulate(
    shopWith(async () => {}),
    { devices: 2 },
  )
  const [a, b] = world.devices
  return { world, a, b }
}
const cartOf = async (log: Log) => log.view(cart, { cartId }).waitFor((await log.logHead()).marker)
const itemsOf = async (log: Log) => (await cartOf(log))?.items.map(({ itemId }) => itemId)
/** Carries it out, and gives the head and the id by which it can be taken back. */
const add = async (log: Log, itemId: string) => {
  const answer = await log.execute(addItem, item(itemId))
  if (!answer.ok) throw new Error(`not added: ${answer.reason.type}`)
  return answer.receipt
}
const toldOf = async (log: Log) =>
  (await (log as ShopLog).deadLetters.list()).map((letter) => [
    wishToWords(letter),
    reasonToWords(letter),
    causesToWords(letter),
  ])

let world: Shop['world']
let a: Shop['a']
let b: Shop['b']
beforeEach(() => {
  ;({ world, a, b } = openShop())
})
afterEach(() => world.close())

/** What was done offline meets: device a is first. */
const meet = async () => {
  a.online()
  await world.settle()
  b.online()
  await world.settle()
}

describe('two tabs of one device', () => {
  test('fill a cart at the same moment and never beyond its limit', async () => {
    const other = a.openTab()
    const answers = await Promise.all(
      ['1', '2', '3', '4', '5', '6'].map((itemId, at) => (at % 2 === 0 ? a.log : other).execute(addItem, item(itemId))),
    )
    expect(answers.filter(({ ok }) => ok)).toHaveLength(3)
    for (const answer of answers) if (!answer.ok) expect(answer.reason).toEqual({ type: 'CartFull', data: { max: 3 } })
    expect(await itemsOf(other)).toHaveLength(3)
    const { events } = await other.read({ query: { types: ['CartCreated'] } }).all()
    expect(events).toHaveLength(1)
  })
})

describe('two devices offline', () => {
  beforeEach(async () => {
    await add(a.log, '1')
    await world.settle()
    a.offline()
    b.offline()
  })

  test('both adding: all fits in, since each is decided again on what the other did', async () => {
    await add(a.log, '2')
    await add(b.log, '3')
    await meet()
    for (const { log } of [a, b]) expect(await itemsOf(log)).toEqual(['1', '2', '3'])
    expect(await toldOf(b.log)).toEqual([])
  })
  test('adding more than fits: what fits is kept, the other is refused with its reason, and can be tried again', async () => {
    await add(a.log, '2')
    await add(b.log, '3')
    const { commitId } = await add(b.log, '4')
    await meet()
    for (const { log } of [a, b]) expect(await itemsOf(log)).toEqual(['1', '2', '3'])
    const told = ['Add Enamel mug', 'The cart was full by then: it holds 3 things.']
    expect(await toldOf(b.log)).toEqual([[...told, 'Because 1 other thing came in first: Enamel mug was added.']])
    const [letter] = await b.log.deadLetters.list()
    expect(letter).toMatchObject({ commitId, decider: 'add-item', command: item('4') })
    expect(await b.log.deadLetters.retry(commitId)).toMatchObject({ ok: false, reason: { type: 'CartFull' } })
    await a.log.execute(removeItem, { cartId, itemId: '2' })
    await world.settle()
    expect(await b.log.deadLetters.retry(commitId)).toMatchObject({ ok: true })
    await world.settle()
    for (const { log } of [a, b]) expect(await itemsOf(log)).toEqual(['1', '3', '4'])
    expect(await toldOf(b.log)).toEqual([])
  })
  test('one adding and one removing: both hold', async () => {
    await add(a.log, '2')
    await b.log.execute(removeItem, { cartId, itemId: '1' })
    await meet()
    for (const { log } of [a, b]) expect(await itemsOf(log)).toEqual(['2'])
    expect(await toldOf(b.log)).toEqual([])
  })
  test('one ordering and one adding: what was ordered stays as it was', async () => {
    await a.log.execute(submitCart, { cartId, total: 900, productIds: ['mug'] })
    await add(b.log, '2')
    await meet()
    expect((await cartOf(b.log))?.submitted).toMatchObject({ total: 900, pending: false })
    expect(await itemsOf(b.log)).toEqual(['1'])
    expect(await toldOf(b.log)).toEqual([
      [
        'Add Enamel mug',
        'The cart had been ordered by then.',
        'Because 2 other things came in first: it was ordered for €9.00, the harbour office took the order.',
      ],
    ])
    const late = await b.log.execute(addItem, item('3'))
    expect(late).toMatchObject({ ok: false, reason: { type: 'CartCannotBeAltered' } })
  })
  test('one adding and one ordering: nobody orders more than was seen', async () => {
    await add(a.log, '2')
    await b.log.execute(submitCart, { cartId, total: 900, productIds: ['mug'] })
    await meet()
    expect((await cartOf(a.log))?.submitted).toBeUndefined()
    expect(await toldOf(b.log)).toEqual([
      [
        'Order for €9.00',
        'The total was €18.00 by then.',
        'Because 1 other thing came in first: Enamel mug was added.',
      ],
    ])
  })
})

describe('what is taken back', () => {
  test('never reaches anybody, and what came after it stays', async () => {
    a.offline()
    const first = await add(a.log, '1')
    await add(a.log, '2')
    expect(await a.log.withdraw(first)).toEqual({ ok: true, sent: false })
    expect(await itemsOf(a.log)).toEqual(['2'])
    a.online()
    await world.settle()
    expect(await itemsOf(b.log)).toEqual(['2'])
    const { events } = await b.log.read().all()
    expect(events.map(({ type }) => type)).toEqual(['CartCreated', 'ItemAdded'])
  })
})

test('CART-3 shows an unknown cart as undefined, and an emptied one as an empty cart', async () => {
  expect(await cartOf(a.log)).toBeUndefined()
  await add(a.log, '1')
  await a.log.execute(removeItem, { cartId, itemId: '1' })
  expect(await cartOf(a.log)).toEqual({ items: [], archived: [], submitted: undefined })
})
