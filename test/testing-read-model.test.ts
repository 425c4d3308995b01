// given/when/then for the rows of a read model.

import { defineEvents, defineFor, event, type } from 'tidelog'
import { given, past } from 'tidelog/testing'
import { expect, test } from 'vitest'

const events = defineEvents({
  Stocked: event(type<{ productId: string; count: number }>(), {
    stream: (d) => `stock-${d.productId}`,
    tags: ['productId'],
  }),
  Moved: event(type<{ from: string; to: string }>(), { stream: () => 'moves' }),
  SoldOut: event(type<{ productId: string }>(), { stream: (d) => `stock-${d.productId}`, tags: ['productId'] }),
})
interface Stock {
  readonly count: number
}
const define = defineFor(events)
const stock = define.readModel<Stock>({
  name: 'stock',
  version: 1,
  ids: {
    Stocked: ({ data }) => data.productId,
    Moved: ({ data }) => [data.from, data.to],
    SoldOut: ({ data }) => data.productId,
  },
  on: {
    Stocked: (row, { data }) => ({ count: (row?.count ?? 0) + data.count }),
    Moved: (row, { data }, id) => row && { count: row.count + (id === data.to ? 1 : -1) },
    SoldOut: () => undefined,
  },
})
const stocked = (productId: string, count: number) => events.Stocked({ productId, count })

test('a read model holds the rows that its events make, each under its ids', () => {
  const rows = given(stock, [stocked('a', 2), stocked('b', 1), events.Moved({ from: 'a', to: 'b' }), stocked('b', 5)])
  rows.thenRow('a', { count: 1 })
  rows.then({ a: { count: 1 }, b: { count: 7 } })
  rows.thenRow('c', undefined)
  expect(() => rows.thenRow('b', { count: 8 })).toThrow(
    'stock has another row b (- expected, + actual)\n\n  count\n  - 8\n  + 7',
  )
  expect(() => rows.then({ a: { count: 1 } })).toThrow('  b\n  + { count: 7 }')
  given(stock, [stocked('a', 2), events.SoldOut({ productId: 'a' })]).then({})
})

test('a read model is told only what its query finds and it has a handler for', () => {
  const one = define.readModel<Stock>({
    name: 'one',
    version: 1,
    query: { tags: { productId: 'a' } },
    ids: () => 'it',
    on: { Stocked: (_, { data }) => ({ count: data.count }) },
  })
  const unknown = past('Nope', 1, { stream: 'stock-a', tags: ['productId:a'] })
  given(one, [stocked('b', 1), unknown, events.SoldOut({ productId: 'a' })]).then({})
  given(one, [stocked('a', 3)]).thenRow('it', { count: 3 })
})

test('a read model fails for an event that it would park, and where it is not pure', () => {
  const failure = (message: string) =>
    expect.objectContaining({ name: 'AssertionError', message: expect.stringMatching(new RegExp(`^${message}`)) })
  let n = 0
  const made = (handle: (row: Stock | undefined) => Stock | undefined, ids = () => 'it') =>
    define.readModel<Stock>({ name: 'made', version: 1, ids, on: { Stocked: handle } })
  const build =
    (...of: Parameters<typeof made>) =>
    () =>
      given(made(...of), [stocked('a', 1), stocked('a', 2)])
  expect(build(() => ({ count: n++ }))).toThrow(failure('the handler Stocked of made is not pure'))
  expect(
    build(
      () => ({ count: 1 }),
      () => `${n++}`,
    ),
  ).toThrow(failure('ids of made is not pure'))
  expect(
    build(
      () => ({ count: 1 }),
      () => '',
    ),
  ).toThrow(failure('made would park its events from Stocked on'))
  expect(build(() => ({ count: Number.NaN }))).toThrow(
    failure('made would park its events from Stocked on: a row.count.*NaN'),
  )
  const inPlace = (row: { count: number } | undefined) => {
    if (row) row.count++
    return row ?? { count: 1 }
  }
  expect(build(inPlace)).toThrow(failure('the handler Stocked of made threw TypeError'))
  const newer = past('Stocked', {}, { version: 2, stream: 'stock-a' })
  expect(() => given(stock, [newer])).toThrow(failure('stock would park its events from Stocked on'))
})
