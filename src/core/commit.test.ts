import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Commit, eventId, isCommit } from './commit.ts'

const good: Commit = {
  id: 'c1',
  contentId: 'd1',
  time: '2026-01-01T00:00:00.000Z',
  events: [
    { type: 'A', stream: 's', data: { n: 1 }, tags: ['a:b'], v: 2 },
    { type: 'B', stream: 't', data: null },
  ],
  condition: { streams: ['s'], query: [{ types: ['A'], tags: ['a:b'] }] },
  metadata: { actor: 'ann' },
}
const first = good.events[0]
const withEvent = (over: object): unknown => ({ ...good, events: [{ ...first, ...over }] })

describe('isCommit', () => {
  test('lets a commit pass, with all its parts and with the least', () => {
    expect(isCommit(good)).toBe(true)
    expect(isCommit({ id: 'c', contentId: 'd', time: 't', events: [{ type: 'A', stream: 's', data: 0 }] })).toBe(true)
  })

  const bad: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['a list', [good]],
    ['no id', { ...good, id: undefined }],
    ['an id that is too long', { ...good, id: 'x'.repeat(129) }],
    ['an empty content id', { ...good, contentId: '' }],
    ['a time that is a number', { ...good, time: 1 }],
    ['no events', { ...good, events: [] }],
    ['too many events', { ...good, events: Array.from({ length: 10_001 }, () => first) }],
    ['an event without data', { ...good, events: [{ type: 'A', stream: 's' }] }],
    ['an event without a type', withEvent({ type: '' })],
    ['an event without a stream', withEvent({ stream: undefined })],
    ['a tag that is a number', withEvent({ tags: [1] })],
    ['too many tags', withEvent({ tags: Array.from({ length: 33 }, (_, at) => `a:${at}`) })],
    ['a version of 0', withEvent({ v: 0 })],
    ['a version with a fraction', withEvent({ v: 1.5 })],
    ['a condition that is a list', { ...good, condition: [] }],
    ['a condition on no name', { ...good, condition: { streams: [''] } }],
    ['a query that is no list', { ...good, condition: { query: {} } }],
    ['metadata that is no text', { ...good, metadata: { actor: 1 } }],
  ]
  test.each(bad)('refuses %s', (_name, value) => {
    expect(isCommit(value)).toBe(false)
  })

  test('answers for anything, and never throws', () => {
    fc.assert(fc.property(fc.anything(), (value) => typeof isCommit(value) === 'boolean'))
  })

  test('answers for a commit in which anything stands anywhere', () => {
    const keys = fc.constantFrom('id', 'contentId', 'time', 'events', 'condition', 'metadata')
    fc.assert(
      fc.property(keys, fc.anything(), (key, value) => typeof isCommit({ ...good, [key]: value }) === 'boolean'),
    )
    const inner = fc.constantFrom('type', 'stream', 'data', 'tags', 'v')
    fc.assert(
      fc.property(inner, fc.anything(), (key, value) => typeof isCommit(withEvent({ [key]: value })) === 'boolean'),
    )
  })

  test('lets no prototype through: a field is one that the object has', () => {
    const value: unknown = JSON.parse(`{"__proto__":${JSON.stringify(good)}}`)
    expect(isCommit(value)).toBe(false)
    expect(({} as Record<string, unknown>).contentId).toBeUndefined()
  })
})

test('the id of an event is made from the content, so that another decision has other ids', () => {
  expect([eventId(good, 0), eventId({ contentId: 'd2' }, 1)]).toEqual(['d1.0', 'd2.1'])
})
