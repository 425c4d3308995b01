import { describe, expect, test } from 'vitest'
import { decodeEvent as decodeStored, deepFreeze } from './decode.ts'
import { defineEvents, definitionsOf, event, type } from './event.ts'
import type { PlacedEvent } from './recorded.ts'

interface Priced {
  readonly item: string
  readonly prices: readonly number[]
  readonly currency: string
}
const definitions = definitionsOf(
  defineEvents({
    Added: event(type<Priced>(), {
      version: 3,
      upcast: {
        1: (old: { item: string; price: number }) => ({ item: old.item, prices: [old.price] }),
        2: (old: { item: string; prices: number[] }) => {
          if (old.item === 'broken') throw new Error('no such item')
          return { ...old, currency: 'EUR' }
        },
      },
    }),
    Removed: event(type<{ item: string }>()),
  }),
)
const placed = (over: Partial<PlacedEvent>): PlacedEvent => ({
  type: 'Removed',
  stream: 's',
  data: { item: 'a' },
  id: 'c.0',
  commitId: 'c',
  version: 1,
  time: '2026-01-01T00:00:00.000Z',
  ...over,
})

function decodeEvent(map: Parameters<typeof decodeStored>[0], event: PlacedEvent) {
  const [only, ...others] = decodeStored(map, event, event)
  if (only === undefined || others.length > 0) throw new Error('not one event')
  return only
}

describe('decodeEvent', () => {
  test('brings older data up step by step, from whichever version', () => {
    const now = { item: 'a', prices: [2], currency: 'EUR' }
    expect(decodeEvent(definitions, placed({ type: 'Added', data: { item: 'a', price: 2 } })).data).toEqual(now)
    expect(decodeEvent(definitions, placed({ type: 'Added', v: 2, data: { item: 'a', prices: [2] } })).data).toEqual(
      now,
    )
    const asIs = { item: 'a', prices: [], currency: 'SEK' }
    expect(decodeEvent(definitions, placed({ type: 'Added', v: 3, data: asIs })).data).toEqual(asIs)
  })

  test('marks an unknown type, and a version from the future, and keeps their data', () => {
    const unknown = decodeEvent(definitions, placed({ type: 'Shipped', data: { to: 'x' } }))
    expect(unknown).toMatchObject({ type: '$unknown', originalType: 'Shipped', data: { to: 'x' }, id: 'c.0' })
    expect(decodeEvent(definitions, placed({ type: 'Added', v: 4 }))).toMatchObject({
      type: '$unknown',
      originalType: 'Added',
    })
  })

  test.each(['toString', '__proto__', 'constructor', 'hasOwnProperty'])(
    'takes the type %s for an unknown one',
    (name) => {
      expect(decodeEvent(definitions, placed({ type: name }))).toMatchObject({ type: '$unknown', originalType: name })
    },
  )

  test('freezes the event all the way down', () => {
    const decoded = decodeEvent(
      definitions,
      placed({ type: 'Added', v: 3, data: { prices: [{ net: 1 }] }, tags: ['a:b'] }),
    )
    const data = decoded.data as { prices: { net: number }[] }
    expect(() => data.prices.push({ net: 2 })).toThrow(TypeError)
    expect(() => Object.assign(data.prices[0] ?? {}, { net: 2 })).toThrow(TypeError)
    expect(Object.isFrozen(decoded) && Object.isFrozen(decoded.tags) && Object.isFrozen(decoded.metadata)).toBe(true)
  })

  test('gives every event tags, metadata and a position, pending or not', () => {
    expect(decodeEvent(definitions, placed({}))).toMatchObject({ tags: [], metadata: {} })
    expect('position' in decodeEvent(definitions, placed({}))).toBe(true)
    expect(decodeEvent(definitions, placed({})).position).toBeUndefined()
    expect(decodeEvent(definitions, placed({ position: 4, v: 1 }))).not.toHaveProperty('v')
  })

  test('throws a data error that names the event and its position when an upcast fails', () => {
    const broken = placed({ type: 'Added', v: 2, data: { item: 'broken', prices: [] }, id: 'c.7', position: 9 })
    expect(() => decodeEvent(definitions, broken)).toThrow(
      expect.objectContaining({ code: 'tidelog/data', message: expect.stringMatching(/c\.7.*position 9/) }),
    )
  })
})

test('deepFreeze takes plain values as they are', () => {
  expect([deepFreeze(1), deepFreeze(null), deepFreeze('a'), deepFreeze(undefined)]).toEqual([1, null, 'a', undefined])
})
