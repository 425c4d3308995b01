import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Undecidable } from './command.ts'
import { type AnyDecider, defineDecider, refuse } from './decider.ts'
import { defineEvents, event } from './event.ts'
import type { PlacedEvent } from './recorded.ts'
import { createDeciders } from './rulings.ts'

const events = defineEvents({
  Counted: event(z.object({ by: z.number(), note: z.object({}).loose().optional() }), {
    stream: () => 'counter',
    version: 2,
    upcast: { 1: (old: { amount: number }) => ({ by: old.amount }) },
    tags: ['by'],
  }),
})
type Decide = (command: { by: number; note?: object }, state: number) => unknown
const count = (decide: Decide, over: object = {}): AnyDecider =>
  defineDecider(events, {
    name: 'count',
    command: z.object({ by: z.number(), note: z.object({}).loose().optional() }),
    scope: () => ({ stream: 'counter' }),
    initial: 10,
    evolve: { Counted: (sum: number, { data }: { data: { by: number } }) => sum + data.by },
    decide,
    ...over,
  } as never) as AnyDecider
const ruling = (decider: AnyDecider, command: { v?: number; data?: unknown } = {}) =>
  createDeciders([decider])({ name: 'count', v: 1, data: { by: 1 }, ...command })
const placed = (type: string, data: unknown, v?: number): PlacedEvent => ({
  type,
  data,
  v,
  stream: 'counter',
  id: 'c.0',
  commitId: 'c',
  time: '2026-01-01T00:00:00.000Z',
  version: 1,
  position: undefined,
  metadata: undefined,
})
const add = count(({ by }, state) => (state > 100 ? refuse('Full', { state }) : [events.Counted({ by })]))
const undecided = (type: string, message: string) =>
  expect.objectContaining({ type, message: expect.stringContaining(message) })

describe('a ruling', () => {
  test('folds from the initial state, with events brought up to date, and decides on what came of it', () => {
    const { initial, fold, decide } = ruling(add)
    const state = fold(initial, [placed('Counted', { amount: 2 }), placed('Counted', { by: 3 }, 2)])
    expect(state).toBe(15)
    expect(decide(state)).toEqual({
      kind: 'events',
      events: [{ type: 'Counted', stream: 'counter', data: { by: 1 }, tags: ['by:1'], v: 2 }],
    })
    expect(decide(101)).toEqual({ kind: 'refused', refusal: { type: 'Full', data: { state: 101 } } })
  })

  test('holds nothing of what the rule still has in its hands', () => {
    const note = { text: 'before' }
    const decided = ruling(count(() => [{ type: 'Counted', data: { by: 1, note } }])).decide(0)
    note.text = 'after'
    expect(decided).toMatchObject({ events: [{ data: { note: { text: 'before' } } }] })
  })

  const conditions: readonly (readonly [string, object, object])[] = [
    ['a stream', { stream: 's' }, { streams: ['s'] }],
    ['a query', { query: { tags: { by: 1 } } }, { query: [{ tags: ['by:1'] }] }],
    ['both: the stream is only where events go', { stream: 's', query: {} }, { query: [{}] }],
  ]
  test.each(conditions)('looks at %s', (_name, scope, condition) => {
    expect(ruling(count(() => [], { scope: () => scope })).condition).toEqual(condition)
  })

  test('has the key of those that fold the same: of one rule and one scope', () => {
    const decider = count(() => [], { scope: ({ by }: { by: number }) => ({ stream: `s${by % 2}` }) })
    const keyOf = (by: number) => ruling(decider, { data: { by } }).key
    expect(keyOf(1)).toBe(keyOf(3))
    expect(keyOf(1)).not.toBe(keyOf(2))
    const other = createDeciders([{ ...decider, name: 'other' }])({ name: 'other', v: 1, data: { by: 1 } })
    expect(other.key).not.toBe(keyOf(1))
  })

  test('puts events where the scope says, else where their definition does', () => {
    const streamOf = (scope: object) =>
      ruling(count(() => [events.Counted({ by: 1 })], { scope: () => scope })).decide(0)
    expect(streamOf({ stream: 's', query: {} })).toMatchObject({ events: [{ stream: 's' }] })
    expect(streamOf({ query: {} })).toMatchObject({ events: [{ stream: 'counter' }] })
  })

  test('finds facts invalid that their schemas refuse, each by its place', () => {
    const wrong = [
      { type: 'Counted', data: { by: 1 } },
      { type: 'Counted', data: { by: 'x' } },
    ]
    expect(ruling(count(() => wrong)).decide(0)).toMatchObject({
      kind: 'invalid',
      issues: [{ path: 'events[1].data.by' }],
    })
  })
})

describe('a command', () => {
  test('goes through every step from its version to that of the rule, once and in order', () => {
    const decider = count(({ by }) => [events.Counted({ by })], {
      version: 3,
      upcast: { 1: ({ by }: { by: number }) => ({ by: by + 1 }), 2: ({ by }: { by: number }) => ({ by: by * 10 }) },
    })
    const byOf = (v: number) => ruling(decider, { v }).decide(0)
    expect([byOf(1), byOf(2), byOf(3)]).toMatchObject([20, 10, 1].map((by) => ({ events: [{ data: { by } }] })))
  })

  test('of an unknown rule, or of a newer version than the rule, waits for who knows it', () => {
    const find = createDeciders([add])
    expect(() => find({ name: 'other', v: 1, data: {} })).toThrow(undecided('needs-decider', 'other'))
    expect(() => find({ name: 'count', v: 2, data: { by: 1 } })).toThrow(undecided('needs-decider', 'count'))
  })

  test('that is not what the rule takes any more says nothing of the command', () => {
    expect(() => ruling(add, { data: { by: 'x' } })).toThrow(undecided('decider-failed', 'count'))
  })
})

test('an unknown type of event in the scope needs an update, also where the fold would not look at it', () => {
  const { initial, fold } = ruling(add)
  const all = [placed('Counted', { by: 1 }, 2), placed('Moved', {})]
  expect(() => fold(initial, all)).toThrow(undecided('update-needed', 'Moved'))
})

describe('what a rule throws, or answers that is no decision, is a failure with its name', () => {
  const boom = (): never => {
    throw new Error('boom')
  }
  const failing: readonly (readonly [string, AnyDecider])[] = [
    ['a throw', count(boom)],
    ['a throw in its scope', count(() => [], { scope: boom })],
    ['a throw in its fold', count(() => [], { evolve: { Counted: boom } })],
    ['nothing', count(() => undefined)],
    ['a promise', count(() => Promise.resolve([]))],
    ['an unknown fact', count(() => [{ type: 'Nope', data: {} }])],
    ['a refusal without a type', count(() => ({ type: '' }))],
    ['a refusal whose data is no JSON', count(() => refuse('No', { at: 1n }))],
    ['a scope of nothing', count(() => [], { scope: () => ({}) })],
    ['a scope of a stream without a name', count(() => [], { scope: () => ({ stream: '' }) })],
  ]
  test.each(failing)('%s', (_name, decider) => {
    const decide = (): unknown => {
      const { fold, initial, decide } = ruling(decider)
      return decide(fold(initial, [placed('Counted', { by: 1 }, 2)]))
    }
    expect(decide).toThrow(Undecidable)
    expect(decide).toThrow(undecided('decider-failed', 'count'))
  })
})
