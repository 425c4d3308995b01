import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { isTidelogError, mustBe, TidelogError } from './errors.ts'
import { defineEvents, definitionsOf, event, type } from './event.ts'
import { defineFor, defineLog } from './model.ts'
import { createCell } from './observable.ts'
import { defineProjection, foldEvents } from './projection.ts'

const events = defineEvents({ Added: event(type<{ n: number }>()), Reset: event(type<object>()) })
const misuse = expect.objectContaining({ code: 'tidelog/argument' })

describe('defineEvents', () => {
  test('gives a creator for each type that shows the defaults of its schema', () => {
    const made = defineEvents({ Noted: event(z.object({ text: z.string(), by: z.string().default('me') })) })
    expect(made.Noted({ text: 'a' })).toEqual({ type: 'Noted', data: { text: 'a', by: 'me' } })
  })

  test('lets a creator take what the schema refuses, for the append to report', () => {
    const made = defineEvents({ Noted: event(z.object({ text: z.string() })) })
    expect(made.Noted({ text: 1 as never })).toEqual({ type: 'Noted', data: { text: 1 } })
  })

  const definitions: readonly (readonly [string, () => unknown])[] = [
    ['a schema that is none', () => event({} as never)],
    ['version 0', () => event(type<object>(), { version: 0 })],
    ['a version with a fraction', () => event(type<object>(), { version: 1.5 })],
    [
      'a version without its upcast',
      () => event(type<object>(), { version: 3, upcast: { 1: (data: object) => data } }),
    ],
    ['a tag with a colon', () => event(type<{ 'a:b': string }>(), { tags: ['a:b'] })],
    ['an empty tag', () => event(type<{ '': string }>(), { tags: [''] })],
    ['an empty type', () => defineEvents({ '': event(type<object>()) })],
    ['a type that begins with a dollar', () => defineEvents({ $unknown: event(type<object>()) })],
    ['a type that is too long', () => defineEvents({ ['x'.repeat(257)]: event(type<object>()) })],
    ['events from elsewhere', () => definitionsOf({} as never)],
    ['a log without a name', () => defineLog({ name: '', events })],
    ['a log with a name that is too long', () => defineLog({ name: 'x'.repeat(129), events })],
    ['a projection without a name', () => defineProjection(events, { name: '', version: 1, initial: 0, on: {} })],
    ['a projection of version 0', () => defineProjection(events, { name: 'n', version: 0, initial: 0, on: {} })],
    [
      'a handler of an unknown event',
      () => defineProjection(events, { name: 'n', version: 1, initial: 0, on: { Nope: () => 0 } as never }),
    ],
    [
      'a handler of what only the prototype has',
      () => defineProjection(events, { name: 'n', version: 1, initial: 0, on: { toString: () => '' } as never }),
    ],
  ]
  test.each(definitions)('throws for %s', (_name, define) => {
    expect(define).toThrow(misuse)
  })
})

describe('foldEvents', () => {
  test('leaves the state as it is for events without a handler, and unknown ones', () => {
    const sum = defineFor(events).projection<number>({
      name: 'sum',
      version: 1,
      initial: 0,
      on: { Added: (state, { data }) => state + data.n },
    })
    const list = [
      { type: 'Added', data: { n: 2 } },
      { type: 'Reset' },
      { type: '$unknown' },
      { type: 'toString' },
      { type: 'Added', data: { n: 3 } },
    ]
    expect(foldEvents(sum.on, sum.initial, list)).toBe(5)
  })
})

describe('a TidelogError', () => {
  test('is told by its code, also when another copy of the package threw it', () => {
    const other = Object.assign(new Error('x'), { name: 'tidelog/timeout' })
    expect(isTidelogError(new TidelogError('tidelog/data', 'x'), 'tidelog/data')).toBe(true)
    expect(isTidelogError(other)).toBe(true)
    expect(isTidelogError(other, 'tidelog/data')).toBe(false)
    expect(isTidelogError(new Error('x'))).toBe(false)
    expect(isTidelogError({ name: 'tidelog/data' })).toBe(false)
    expect(() => mustBe(false, 'no')).toThrow(misuse)
  })
})

describe('a cell', () => {
  test('tells of each change, not of the same value, and no more once it was left', () => {
    const cell = createCell(1)
    let told = 0
    const stop = cell.subscribe(() => told++)
    cell.set(1)
    cell.set(2)
    expect([told, cell.get()]).toEqual([1, 2])
    stop()
    cell.set(3)
    expect(told).toBe(1)
  })

  test('keeps one callback that subscribed twice until both have left', () => {
    const cell = createCell(1)
    let told = 0
    const count = (): number => told++
    const stop = cell.subscribe(count)
    cell.subscribe(count)
    stop()
    cell.set(2)
    expect(told).toBe(1)
  })
})
