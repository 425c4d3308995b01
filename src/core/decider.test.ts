import { describe, expect, test } from 'vitest'
import { defineDecider, refuse } from './decider.ts'
import { defineEvents, event, type } from './event.ts'
import { defineLog } from './model.ts'
import { defineProjection } from './projection.ts'

const events = defineEvents({ Counted: event(type<{ by: number }>(), { stream: () => 'counter' }) })
const base = {
  name: 'count',
  command: type<{ by: number }>(),
  scope: () => ({ stream: 'counter' }),
  decide: ({ by }: { by: number }) => [events.Counted({ by })],
}
const define = (over: object) => defineDecider(events, { ...base, initial: 0, evolve: {}, ...over } as never)
const argument = expect.objectContaining({ code: 'tidelog/argument' })
const step = (old: unknown) => old

describe('a decider', () => {
  test('is of version 1 without upcasts, unless it says otherwise', () => {
    expect(define({})).toMatchObject({ name: 'count', version: 1, upcast: {}, initial: 0, on: {} })
  })

  test('takes state and fold from a projection', () => {
    const total = defineProjection(events, {
      name: 'total',
      version: 4,
      initial: 7,
      on: { Counted: (sum, { data }) => sum + data.by },
    })
    const { initial, on } = defineDecider(events, { ...base, state: total })
    expect([initial, on]).toEqual([7, total.on])
  })

  const wrong: readonly (readonly [string, object])[] = [
    ['an empty name', { name: '' }],
    ['a name that is too long', { name: 'x'.repeat(129) }],
    ['no schema', { command: undefined }],
    ['a function for a schema', { command: () => true }],
    ['version 0', { version: 0 }],
    ['half a version', { version: 1.5 }],
    ['a version without its upcast', { version: 2 }],
    ['a version that lacks one of its upcasts', { version: 3, upcast: { 1: step } }],
    ['a handler of an unknown event', { evolve: { Cuonted: () => 1 } }],
  ]
  test.each(wrong)('is not defined with %s', (_name, over) => {
    expect(() => define(over)).toThrow(argument)
  })

  test('of a later version has every upcast', () => {
    expect(define({ version: 3, upcast: { 1: step, 2: step } }).version).toBe(3)
  })
})

test('a refusal is data with a type', () => {
  expect([refuse('Full', { max: 3 }), refuse('Closed')]).toEqual([
    { type: 'Full', data: { max: 3 } },
    { type: 'Closed', data: undefined },
  ])
})

test('a log has no two deciders of one name: a pending command would find the wrong one', () => {
  expect(() => defineLog({ name: 'log', events, deciders: [define({}), define({})] })).toThrow(argument)
  expect(defineLog({ name: 'log', events, deciders: [define({}), define({ name: 'b' })] }).deciders).toHaveLength(2)
})
