// given/when/then for rules: what a test may say of a command, and what the log would make of it.

import { defineEvents, defineFor, event, type RefusalsOf, refuse, type } from 'tidelog'
import { given, past } from 'tidelog/testing'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { book, events as seating, seats } from './seats.ts'
import { addItem, type cartRules, clearCart, removeItem, submitCart } from './types/deciders.ts'
import { define, events } from './types/shop.ts'

const cartId = '7'
const item = (itemId: string) => ({ cartId, itemId, productId: 'p', price: 2 })
const created = events.CartCreated({ cartId })
const added = (itemId: string) => events.ItemAdded(item(itemId))
const submitted = events.CartSubmitted({ cartId, products: [], total: 2 })
const removed = (itemId: string) => ({ stream: 'cart-7', events: [events.ItemRemoved({ cartId, itemId })] })

describe('CART-12 every refusal', () => {
  type Refused = RefusalsOf<(typeof cartRules)[number]>['type']
  // One for each refusal of the rules, or this does not compile.
  const refusals: Readonly<Record<Refused, () => void>> = {
    CartFull: () =>
      given(addItem, [created, added('1'), added('2'), added('3')])
        .when(item('4'))
        .thenRefused('CartFull', { max: 3 }),
    CartCannotBeAltered: () => {
      given(addItem, [created, submitted]).when(item('1')).thenRefused('CartCannotBeAltered')
      given(removeItem, [created, added('1'), submitted])
        .when({ cartId, itemId: '1' })
        .thenRefused('CartCannotBeAltered')
    },
    CartDoesNotExist: () => {
      given(removeItem, []).when({ cartId, itemId: '1' }).thenRefused('CartDoesNotExist')
      given(clearCart, [events.CartCreated({ cartId: '8' })])
        .when({ cartId })
        .thenRefused('CartDoesNotExist')
    },
    ItemNotInCart: () =>
      given(removeItem, [created, added('1')])
        .when({ cartId, itemId: '2' })
        .thenRefused('ItemNotInCart', { itemId: '2' }),
    CartIsEmpty: () => given(submitCart, [created]).when({ cartId }).thenRefused('CartIsEmpty'),
  }
  for (const [name, check] of Object.entries(refusals))
    test(`CART-12 ${name} is assertable in given/when/then`, () => expect(check()).toBeUndefined())

  test('CART-12 is not taken for another one, nor for other data, nor for facts', () => {
    const full = given(addItem, [created, added('1'), added('2'), added('3')]).when(item('4'))
    full.thenRefused('CartFull')
    expect(() => full.thenRefused('CartCannotBeAltered')).toThrow('- "CartCannotBeAltered"')
    expect(() => full.thenRefused('CartFull', { max: 4 })).toThrow(/data\.max\n {2}- 4\n {2}\+ 3/)
    for (const deny of [() => full.then([]), () => full.thenNothing(), () => full.thenInvalid()])
      expect(deny).toThrow('refused: "CartFull"')
    const free = given(addItem, [created]).when(item('1'))
    expect(() => free.thenRefused('CartFull')).toThrow('type: "ItemAdded"')
  })
})

describe('a command', () => {
  test('is answered with facts, all of them and in this order', () => {
    const first = given(addItem, []).when(item('1'))
    first.then([created, added('1')])
    expect(() => first.then([added('1'), created])).toThrow('answered otherwise')
    expect(() => first.then([created])).toThrow('  [1]\n  + {')
    expect(() => first.thenNothing()).toThrow('CartCreated')
  })

  test('may have nothing to do', () => {
    given(clearCart, [created]).when({ cartId }).thenNothing()
    given(clearCart, [created]).when({ cartId }).then([])
    expect(() =>
      given(clearCart, [created, added('1')])
        .when({ cartId })
        .thenNothing(),
    ).toThrow('CartCleared')
  })

  test('sees what was decided on the one before', () => {
    given(addItem, [])
      .when(item('1'))
      .when(item('2'))
      .then([added('2')])
    given(addItem, []).when(item('1')).when(item('2')).when(item('3')).when(item('4')).thenRefused('CartFull')
  })

  test('is not asked behind one that was refused, which would be lost', () => {
    const full = given(addItem, [created, submitted]).when(item('1'))
    const message = 'the command before was answered with { refused: "CartCannotBeAltered" }'
    expect(() => full.when(item('2'))).toThrow(expect.objectContaining({ name: 'tidelog/argument', message }))
  })

  test('that its schema refuses is invalid, at a path', () => {
    const wrong = given(addItem, []).when({ ...item('1'), price: 'free' } as never)
    wrong.thenInvalid()
    wrong.thenInvalid('price')
    expect(() => wrong.thenInvalid('productId')).toThrow('command.price: ')
    expect(() => wrong.thenInvalid('pri')).toThrow('command.price: ')
    expect(() => wrong.then([])).toThrow('invalid: ')
    expect(() => given(addItem, []).when(item('1')).thenInvalid()).toThrow('- { invalid: "the command" }')
  })

  test('is decided as its schema gives it', () => {
    const command = z.object({ cartId: z.string().default(cartId) })
    const clear = define.decider({
      name: 'clear',
      command,
      scope: ({ cartId }) => ({ stream: `cart-${cartId}` }),
      initial: 0,
      evolve: { ItemAdded: (count) => count + 1 },
      decide: ({ cartId }, count) => (count > 0 ? [events.CartCleared({ cartId })] : []),
    })
    given(clear, [added('1')])
      .when({})
      .then([events.CartCleared({ cartId })])
  })

  test('is decided on its scope alone: a stream', () => {
    const elsewhere = events.ItemAdded({ ...item('1'), cartId: '8' })
    given(addItem, [created, elsewhere, elsewhere, elsewhere])
      .when(item('4'))
      .then([added('4')])
    const here = { stream: 'cart-7', events: [elsewhere, elsewhere, elsewhere] }
    given(addItem, [created, here]).when(item('4')).thenRefused('CartFull')
  })

  test('is decided on its scope alone: what a query finds, by tags and types', () => {
    const [seat, other] = [seats[0], seats[1]]
    const booked = (one: string) => seating.Booked({ seat: one, by: 'bob' })
    given(book, [booked(other), seating.Told({ by: 'ann', held: seat })])
      .when({ seat, by: 'ann' })
      .then([seating.Booked({ seat, by: 'ann' })])
    given(book, [booked(seat)])
      .when({ seat, by: 'ann' })
      .thenRefused('SeatTaken', { by: 'bob' })
  })

  test('puts its facts where the scope says, which a test may ask for', () => {
    const asked = given(removeItem, [created, added('1')]).when({ cartId, itemId: '1' })
    asked.then([events.ItemRemoved({ cartId, itemId: '1' })])
    asked.then([removed('1')])
    const elsewhere = { ...removed('1'), stream: 'cart-8' }
    expect(() => asked.then([elsewhere])).toThrow('[0].stream\n  - "cart-8"\n  + "cart-7"')
  })
})

describe('a history', () => {
  test('is brought up by the upcasters, and its events of older versions lie where those of today do', () => {
    const ofPast = past('ItemAdded', item('1'), { version: 1 })
    given(removeItem, [created, ofPast])
      .when({ cartId, itemId: '1' })
      .then([removed('1')])
    given(addItem, [created, ofPast, ofPast, ofPast]).when(item('4')).thenRefused('CartFull')
    const elsewhere = past('ItemAdded', item('1'), { stream: 'cart-8', tags: ['cartId:8'] })
    given(addItem, [created, elsewhere, elsewhere, elsewhere])
      .when(item('4'))
      .then([added('4')])
    given(removeItem, [created, elsewhere]).when({ cartId, itemId: '1' }).thenRefused('ItemNotInCart')
  })

  test('with an event that the app does not know needs an update, if it is in the scope', () => {
    const unknown = past('CartFrozen', { cartId }, { stream: 'cart-7' })
    const asked = given(addItem, [created, unknown]).when(item('1'))
    asked.thenUpdateNeeded()
    asked.thenUpdateNeeded('CartFrozen')
    expect(() => asked.thenUpdateNeeded('CartMelted')).toThrow('- "CartMelted"')
    expect(() => asked.thenNothing()).toThrow('updateNeeded: "CartFrozen"')
    const newer = past('CartCleared', { cartId, when: 'now' }, { version: 2, stream: 'cart-7' })
    given(addItem, [created, newer]).when(item('1')).thenUpdateNeeded('CartCleared')
    given(addItem, [created, past('CartFrozen', 1, { stream: 'cart-8' })])
      .when(item('1'))
      .then([added('1')])
    expect(() => given(addItem, []).when(item('1')).thenUpdateNeeded()).toThrow('updateNeeded')
  })

  test('is one that the log would hold, or the test makes no sense', () => {
    const wrong = { name: 'tidelog/argument' }
    const misfit = { type: 'ItemAdded', data: { cartId } } as never
    expect(() => given(addItem, [created, misfit])).toThrow(
      expect.objectContaining({ ...wrong, message: expect.stringContaining('events[1].data.itemId: ') }),
    )
    expect(() => given(addItem, [past('ItemAdded', { ...item('1'), price: 'x' })])).toThrow('.price: Invalid')
    expect(() => given(addItem, [events.ItemRemoved({ cartId, itemId: '1' })])).toThrow(
      'events[0] of the history, ItemRemoved, has no stream',
    )
    expect(() => given(addItem, [past('CartFrozen', 1)])).toThrow('CartFrozen, has no stream')
    expect(() => given(addItem, [{ type: 'Nope', data: 1 } as never])).toThrow(expect.objectContaining(wrong))
    expect(() => given(addItem, [undefined as never])).toThrow(expect.objectContaining(wrong))
    expect(() => given(addItem, [{ events: [created], pendin: true } as never])).toThrow('pendin')
    expect(() => given(addItem, [{ events: [created], pending: true }, added('1')])).toThrow('after pending')
    expect(() => given({} as never, [])).toThrow(expect.objectContaining(wrong))
    expect(() => past('ItemAdded', () => {})).toThrow(expect.objectContaining(wrong))
    expect(() => past('ItemAdded', {}, { version: 0 })).toThrow(expect.objectContaining(wrong))
  })

  test('gives its events places: versions, positions and times that are always the same', () => {
    const seen: object[] = []
    const look = define.decider({
      name: 'look',
      command: type<{ cartId: string }>(),
      scope: ({ cartId }) => ({ stream: `cart-${cartId}` }),
      initial: 0,
      evolve: {
        ItemAdded: (count, { id, stream, version, position, time, metadata }) => {
          seen[count] = { id, stream, version, position, time, metadata }
          return count + 1
        },
      },
      decide: () => [],
    })
    given(look, [
      events.CartCreated({ cartId: '8' }),
      { events: [created, added('1')], metadata: { actor: 'ann' } },
      { events: [added('2')], pending: true, time: '2026-02-03T04:05:06.000Z' },
    ])
      .when({ cartId })
      .thenNothing()
    expect(seen).toEqual([
      {
        id: 'given-2.1',
        stream: 'cart-7',
        version: 2,
        position: 3,
        time: '2026-01-01T00:00:01.000Z',
        metadata: { actor: 'ann' },
      },
      {
        id: 'given-3.0',
        stream: 'cart-7',
        version: 3,
        position: undefined,
        time: '2026-02-03T04:05:06.000Z',
        metadata: {},
      },
    ])
  })
})

describe('a rule that the log could not live with', () => {
  const counted = defineEvents({
    Counted: event(z.object({ n: z.number() }), { stream: () => 'counter' }),
    Lost: event(type<{ n: number }>()),
  })
  interface Parts {
    readonly decide?: (n: number, state: { readonly list: readonly number[] }) => never
    readonly counted?: (state: { list: number[] }, n: number) => { list: number[] }
  }
  const rule = ({ decide = () => [] as never, counted: on = (state) => state }: Parts) =>
    defineFor(counted).decider({
      name: 'count',
      command: type<{ n: number }>(),
      scope: () => ({ query: {} }),
      initial: { list: [] as number[] },
      evolve: { Counted: (state, { data }) => on(state, data.n) },
      decide: ({ n }, state) => decide(n, state),
    })
  const decided = (parts: Parts) => () => given(rule(parts), [counted.Counted({ n: 1 })]).when({ n: 2 })
  const failed = (message: string) =>
    expect.objectContaining({ name: 'AssertionError', showDiff: false, message: expect.stringContaining(message) })

  test('fails when its facts are not as their schemas say, or have no stream', () => {
    expect(decided({ decide: () => [{ type: 'Counted', data: { n: 'x' } }] as never })).toThrow(
      failed('count decided what the log refuses: events[0].data.n: '),
    )
    expect(decided({ decide: (n) => [counted.Lost({ n })] as never })).toThrow(failed('a stream name'))
    expect(decided({ decide: () => [{ type: 'Nope', data: 1 }] as never })).toThrow(failed('Nope'))
    expect(decided({ decide: () => 'no' as never })).toThrow(failed('a decision'))
    expect(decided({ decide: () => refuse('No', new Map()) as never })).toThrow(failed('the data of a refusal'))
  })

  test('fails when one commit can not hold its facts', () => {
    const many = Array.from({ length: 10_001 }, (_, n) => counted.Counted({ n }))
    expect(decided({ decide: () => many as never })).toThrow(failed('at most 10000 events'))
  })

  test('fails with what its code threw as the cause', () => {
    const cause = new Error('a slip')
    const slip = (): never => {
      throw cause
    }
    const withCause = (message: string) => expect.objectContaining({ message: expect.stringContaining(message), cause })
    expect(decided({ decide: slip })).toThrow(withCause('could not decide: count: Error: a slip'))
    expect(decided({ counted: slip })).toThrow(withCause('the handler Counted of count threw Error: a slip'))
  })

  test('fails when it is not pure: decide, and each handler by its name', () => {
    let n = 0
    expect(decided({ decide: () => [counted.Counted({ n: n++ })] as never })).toThrow(
      failed('decide of count is not pure'),
    )
    expect(decided({ counted: () => ({ list: [n++] }) })).toThrow(failed('the handler Counted of count is not pure'))
    expect(decided({ counted: () => ({ list: [n++] }) })).toThrow(/list\[0\]\n {2}- \d\n {2}\+ \d/)
  })

  test('fails when it changes the state that it is given', () => {
    const push = (state: { list: number[] }, n: number) => {
      state.list.push(n)
      return state
    }
    expect(decided({ counted: push })).toThrow(failed('the handler Counted of count threw TypeError'))
    expect(decided({ decide: (n, state) => (state.list as number[]).push(n) as never })).toThrow(failed('TypeError'))
  })

  test('fails when its state is one that the log could not decide on', () => {
    const bytes = { list: [], bytes: new Uint8Array(1) }
    expect(decided({ counted: () => bytes })).toThrow(failed('the state of count threw TypeError'))
  })
})
