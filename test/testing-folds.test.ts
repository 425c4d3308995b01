// given/when/then for what follows from events: projections, reactors and tasks.

import { defineEvents, defineFor, event, refuse, type } from 'tidelog'
import { defineReactor, defineTask, type ReactorContext } from 'tidelog/automation'
import { given, past } from 'tidelog/testing'
import { describe, expect, test } from 'vitest'
import { hall, events as seating } from './seats.ts'
import { cart, events as shop } from './types/shop.ts'

const failure = (message: string) =>
  expect.objectContaining({ name: 'AssertionError', message: expect.stringContaining(message) })

describe('a projection', () => {
  const cartId = '7'
  const created = shop.CartCreated({ cartId })
  const item = { cartId, itemId: '1', productId: 'p', price: 2 }

  test('folds what its scope finds, brought up by the upcasters', () => {
    const elsewhere = shop.ItemAdded({ ...item, cartId: '8' })
    given(cart, [created, past('ItemAdded', item), elsewhere], { cartId }).then({
      items: [{ id: '1', price: 2, pending: false }],
      submitted: false,
    })
    given(cart, [elsewhere], { cartId }).then(undefined)
    const unknown = past('CartFrozen', {}, { stream: 'cart-7', tags: ['cartId:7'] })
    given(cart, [created, unknown], { cartId }).then({ items: [], submitted: false })
  })

  test('folds the whole log without a scope', () => {
    const booked = seating.Booked({ seat: '1', by: 'ann' })
    given(hall, [booked, seating.Booked({ seat: '2', by: 'bob' }), seating.Released(booked.data)]).then({ 2: 'bob' })
    expect(() => given(hall, [booked]).then({ 1: 'bob' })).toThrow('hall has another state (- expected, + actual)')
    expect(() => given(hall, [booked]).then({ 1: 'bob' })).toThrow('  ["1"]\n  - "bob"\n  + "ann"')
  })

  test('sees what is pending without a position', () => {
    const pending = { events: [shop.ItemAdded(item)], pending: true }
    given(cart, [created, pending], { cartId }).then({
      items: [{ id: '1', price: 2, pending: true }],
      submitted: false,
    })
  })

  test('fails where it is not pure, by the name of the handler', () => {
    let n = 0
    const fold = (handle: (state: ReadonlyMap<string, number>) => ReadonlyMap<string, number>) =>
      defineFor(seating).projection<ReadonlyMap<string, number>>({
        name: 'counts',
        version: 1,
        initial: new Map(),
        on: { Booked: handle },
      })
    const booked = [seating.Booked({ seat: '1', by: 'ann' })]
    const counts = new Map([['1', 1]])
    given(
      fold(() => counts),
      booked,
    ).then(new Map([['1', 1]]))
    expect(() =>
      given(
        fold(() => new Map([['1', n++]])),
        booked,
      ),
    ).toThrow(failure('the handler Booked of counts is not pure: asked twice'))
    const inPlace = fold((state) => (state as Map<string, number>).set('1', 1))
    expect(() => given(inPlace, booked)).toThrow(failure('it changed the state that it was given'))
    const failing = defineFor(seating).projection<number>({
      name: 'failing',
      version: 1,
      initial: 0,
      scope: () => refuse('No') as never,
      on: {},
    })
    expect(() => given(failing, [])).not.toThrow()
  })
})

const events = defineEvents({
  PriceChanged: event(type<{ productId: string; price: number }>(), {
    stream: (d) => `price-${d.productId}`,
    tags: ['productId'],
  }),
  PriceNoted: event(type<{ productId: string; price: number }>(), { stream: () => 'prices' }),
  ItemAdded: event(type<{ cartId: string; productId: string }>(), {
    stream: (d) => `cart-${d.cartId}`,
    tags: ['productId'],
  }),
  ItemArchived: event(type<{ cartId: string; productId: string }>(), {
    stream: (d) => `cart-${d.cartId}`,
    tags: ['productId'],
  }),
  Lost: event(type<{ id: string }>()),
})
/** What the rule was asked on, the last time. */
let decidedOn: readonly string[] | undefined
const archive = defineFor(events).decider({
  name: 'archive',
  command: type<{ productId: string }>(),
  scope: ({ productId }) => ({ query: { types: ['ItemAdded', 'ItemArchived'], tags: { productId } } }),
  initial: [] as readonly string[],
  evolve: {
    ItemAdded: (carts, { data }) => [...carts, data.cartId],
    ItemArchived: (carts, { data }) => carts.filter((cartId) => cartId !== data.cartId),
  },
  decide: ({ productId }, carts) => {
    decidedOn = carts
    return carts.length === 0 ? refuse('NotSold') : carts.map((cartId) => events.ItemArchived({ cartId, productId }))
  },
})
const changed = events.PriceChanged({ productId: 'p', price: 3 })
const added = events.ItemAdded({ cartId: '7', productId: 'p' })
const noted = events.PriceNoted({ productId: 'p', price: 3 })

describe('a reactor', () => {
  const reactor = (react: (data: (typeof changed)['data'], context: ReactorContext) => unknown) =>
    defineReactor(events, {
      name: 'note',
      on: 'origin',
      query: { types: ['PriceChanged'] },
      react: ({ data }, context) => react(data, context) as never,
    })
  const note = reactor(async (data) => [events.PriceNoted(data)])

  test('answers facts', async () => {
    await given(note, [added]).when(changed).then([noted])
    await given(note, [])
      .when(changed)
      .then([{ stream: 'prices', events: [noted] }])
    await expect(given(note, []).when(changed).then([])).rejects.toThrow(failure('note answered otherwise'))
    await expect(given(note, []).when(changed).thenNothing()).rejects.toThrow(failure('facts[0]'))
    await given(
      reactor(() => undefined),
      [],
    )
      .when(changed)
      .thenNothing()
  })

  test('is not handed what it did not ask for', async () => {
    await given(note, []).when(added).thenNothing()
    await given(note, [])
      .when(past('Nope', 1, { stream: 'x' }))
      .thenNothing()
    const ofCarts = defineReactor(events, { name: 'carts', on: 'server', stream: 'cart-*', react: () => [noted] })
    await given(ofCarts, []).when(changed).thenNothing()
    await given(ofCarts, []).when(added).then([noted])
    await given(ofCarts, [])
      .when({ stream: 'cart-1', events: [changed] })
      .then([noted])
  })

  test('executes commands, which are decided on what happened', async () => {
    const answers: unknown[] = []
    const both = reactor(async ({ productId }, { execute }) => {
      await execute(archive, { productId })
      // The second time it is refused, which is as good as handled.
      answers.push(await execute(archive, { productId }))
    })
    const reacted = given(both, [added]).when(changed)
    await reacted.thenExecutesAll([
      [archive, { productId: 'p' }],
      [archive, { productId: 'p' }],
    ])
    await reacted.then([])
    expect(answers).toEqual([undefined])
    expect(decidedOn).toEqual([])
    await expect(reacted.thenExecutes(archive, { productId: 'p' })).rejects.toThrow(failure('[1]'))
    await expect(reacted.thenNothing()).rejects.toThrow(failure('executed[0]'))
    const one = given(
      reactor(({ productId }, { execute }) => execute(archive, { productId })),
      [],
    ).when(changed)
    await one.thenExecutes(archive, { productId: 'p' })
    await expect(one.thenExecutes(archive, { productId: 'q' })).rejects.toThrow(
      '[0].command.productId\n  - "q"\n  + "p"',
    )
    await expect(given(note, []).when(changed).thenExecutes(archive, { productId: 'p' })).rejects.toThrow(
      failure('note executed otherwise'),
    )
  })

  test('is given what the log gives it', async () => {
    let seen: unknown
    const look = reactor((_, { attempt, key, metadata, signal }) => {
      seen = { attempt, key, metadata, isAborted: signal.aborted }
    })
    await given(look, [added])
      .when({ events: [changed], metadata: { correlationId: 'c' } })
      .thenNothing()
    expect(seen).toEqual({
      attempt: 1,
      key: 'reactor/note/given-2.0',
      metadata: { correlationId: 'c', causationId: 'given-2.0' },
      isAborted: false,
    })
  })

  test('fails with what it throws, and for facts that the log refuses', async () => {
    const throwing = reactor(() => Promise.reject(new Error('no network')))
    await expect(given(throwing, []).when(changed).thenNothing()).rejects.toThrow('no network')
    const losing = reactor(() => [events.Lost({ id: '1' })])
    await expect(given(losing, []).when(changed).then([])).rejects.toThrow(
      failure('note answered what the log refuses'),
    )
    const knowing = reactor(({ productId }, { execute }) => execute(archive, { productId }))
    const newer = past('ItemAdded', {}, { version: 2, stream: 'cart-7', tags: ['productId:p'] })
    await expect(given(knowing, [newer]).when(changed).then([])).rejects.toThrow(failure('does not know ItemAdded'))
  })

  test('is handed one confirmed event, or the test makes no sense', () => {
    const wrong = expect.objectContaining({ name: 'tidelog/argument' })
    const reacting = given(note, [])
    expect(() => reacting.when({ events: [changed, changed] })).toThrow(wrong)
    expect(() => reacting.when({ events: [changed], pending: true })).toThrow(wrong)
    expect(() => given(note, [{ events: [added], pending: true }]).when(changed)).toThrow(wrong)
  })
})

describe('a task', () => {
  const publish = defineTask(events, {
    name: 'publish',
    on: 'server',
    query: { types: ['PriceChanged', 'PriceNoted'] },
    plan: ({ type, data: { price } }) => (type === 'PriceNoted' ? undefined : { input: { price }, afterMs: 1_000 }),
    run: () => undefined,
  })

  test('plans what an event asks for', () => {
    given(publish)
      .plans(changed)
      .thenPlanned({ input: { price: 3 }, afterMs: 1_000 })
    expect(() =>
      given(publish)
        .plans(changed)
        .thenPlanned({ input: { price: 4 } }),
    ).toThrow(failure('  input.price\n  - 4\n  + 3\n  afterMs\n  + 1000'))
    expect(() => given(publish).plans(changed).thenNothing()).toThrow(failure('publish planned otherwise'))
  })

  test('plans nothing where nothing is asked for', () => {
    given(publish, [added]).plans(noted).thenNothing()
    given(publish).plans(added).thenNothing()
    expect(() => given(publish).plans(noted).thenPlanned({ input: 1 })).toThrow(failure('- { input: 1 }'))
  })

  test('fails when the log could not keep the plan', () => {
    const odd = (plan: object) =>
      defineTask(events, { name: 'odd', on: 'server', plan: () => plan as never, run: () => undefined })
    expect(() => given(odd({ input: new Map() })).plans(changed)).toThrow('Map is not JSON')
    expect(() => given(odd({ input: 1, afterMs: -1 })).plans(changed)).toThrow('a time of a task')
  })
})
