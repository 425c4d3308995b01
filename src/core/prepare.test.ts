import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { isCommit } from './commit.ts'
import { defineEvents, definitionsOf, event, type } from './event.ts'
import type { Issue } from './outcome.ts'
import { type AnyFact, prepareEvent } from './prepare.ts'

const events = defineEvents({
  Priced: event(z.object({ sku: z.string(), price: z.number().positive(), unit: z.string().default('piece') }), {
    stream: (data) => `sku-${data.sku}`,
    tags: ['sku'],
    version: 2,
    upcast: { 1: (old: object) => old },
  }),
  Noted: event(type<{ text?: unknown }>()),
  Labelled: event(type<{ label: string[] }>(), { tags: ['label'] }),
})
const definitions = definitionsOf(events)
/** What the page does with the facts of one append. */
function prepare(facts: readonly AnyFact[], stream?: string) {
  const issues: Issue[] = []
  const events = facts.map((fact, at) => prepareEvent(definitions, fact, stream, at, issues))
  return { events, issues }
}
const note = (text?: unknown) => ({ type: 'Noted', data: { text } })
const priced = (sku: string, price = 2) => ({ type: 'Priced', data: { sku, price } })
const label = (value: unknown) => prepare([{ type: 'Labelled', data: { label: value } }], 's')
const issueAt = (path: string) => ({ issues: [{ path }] })
const misuse = expect.objectContaining({ code: 'tidelog/argument' })

describe('prepareEvent', () => {
  test('gives what the schema gave, with stream, tags and version, and it passes the guard', () => {
    const prepared = prepare([{ type: 'Priced', data: { sku: 'a', price: 2, extra: 1 } }])
    const event = {
      type: 'Priced',
      stream: 'sku-a',
      data: { sku: 'a', price: 2, unit: 'piece' },
      tags: ['sku:a'],
      v: 2,
    }
    expect(prepared).toEqual({ events: [event], issues: [] })
    expect(isCommit({ id: 'c', contentId: 'd', time: 't', events: [event] })).toBe(true)
  })

  test('puts events into the stream that the append names, over that of their definition', () => {
    expect(prepare([priced('a')], 'other')).toMatchObject({ issues: [], events: [{ stream: 'other' }] })
  })

  test('says all that is wrong with the data, each with its place', () => {
    const prepared = prepare([note(1n), { type: 'Priced', data: { price: -1 } }, note(Number.NaN)], 's')
    const paths = prepared.issues.map(({ path }) => path)
    expect(paths).toEqual(['events[0].data.text', 'events[1].data.sku', 'events[1].data.price', 'events[2].data.text'])
  })

  test('refuses data that is undefined', () => {
    expect(prepare([{ type: 'Noted', data: undefined }], 's')).toMatchObject(issueAt('events[0].data'))
  })

  test('makes a tag of each element of a list, once', () => {
    const tagsOf = (value: unknown) => label(value).events[0]?.tags
    expect(tagsOf(['a', 'b', 'a'])).toEqual(['label:a', 'label:b'])
    expect(tagsOf(7)).toEqual(['label:7'])
    expect(tagsOf(undefined)).toEqual([])
    expect(tagsOf(null)).toEqual([])
  })

  const wrong: readonly (readonly [string, unknown])[] = [
    ['a fact that is no object', 'x'],
    ['a fact that is null', null],
    ['an unknown type', { type: 'Nope', data: {} }],
    ['a type that only the prototype has', { type: 'toString', data: {} }],
  ]
  test.each(wrong)('throws for %s', (_name, fact) => {
    expect(() => prepare([fact as AnyFact], 's')).toThrow(misuse)
  })

  test('throws for a schema that answers later', () => {
    const validate = async (value: unknown) => ({ value })
    const later = { '~standard': { version: 1, vendor: 'late', validate } } as const
    const slow = definitionsOf(defineEvents({ Slow: event(later) }))
    expect(() => prepareEvent(slow, { type: 'Slow', data: {} }, 's', 0, [])).toThrow(misuse)
  })

  test('keeps data with the key __proto__ as data', () => {
    const data: unknown = JSON.parse('{"text":{"__proto__":{"admin":true}}}')
    const prepared = prepare([{ type: 'Noted', data }], 's')
    expect(JSON.stringify(prepared)).toContain('"__proto__":{"admin":true}')
    expect('admin' in {}).toBe(false)
  })
})
