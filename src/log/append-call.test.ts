import { describe, expect, test } from 'vitest'
import { commitBytesMax, commitEventsMax } from '../core/limits.ts'
import type { AppendCall, AppendText } from '../protocol/worker.ts'
import { readCall } from './append-call.ts'
import { callOf, changed, eventOf, largeCall } from './log.fixture.ts'

const marker = { database: 'db', revision: 1, confirmed: 0 }
interface Write {
  readonly stream?: string | undefined
  readonly events: readonly string[]
  readonly expectedVersion?: unknown
}
const write = (stream: string | undefined, events: readonly string[], expectedVersion?: unknown): Write => ({
  stream,
  events,
  expectedVersion,
})
const withWrites = (...writes: readonly Write[]): AppendText => {
  const counted = writes.map(({ events, ...rest }) => ({ ...rest, count: events.length }))
  return changed(
    callOf(
      'a',
      writes.flatMap(({ events }) => events),
    ),
    { writes: counted },
  )
}
const withEvent = (over: object): AppendText =>
  changed(callOf('a', ['s1']), { events: [{ ...eventOf('s1'), ...over }] })
const withMetadata = (metadata: unknown): AppendText =>
  changed(callOf('a', ['s1']), { metadata: metadata as Record<string, string> })

describe('a call that makes sense', () => {
  test('gives a commit, its text, and what has to hold: now, and at the sequencer', () => {
    const read = readCall(withWrites(write('s', ['s1'], 2), write('t', ['t1'], 'exists'), write('u', ['u1'], 'any')))
    expect(read).toMatchObject({
      commit: { id: 'a', contentId: 'a/1', condition: { streams: ['s', 't'] } },
      expected: [
        { stream: 's', version: 2 },
        { stream: 't', version: 'exists' },
      ],
    })
    expect('text' in read && JSON.parse(read.text)).toMatchObject({ id: 'a', condition: { streams: ['s', 't'] } })
  })

  test('without a condition asks for nothing at the sequencer', () => {
    const read = readCall(callOf('a', ['s1']))
    expect('text' in read && JSON.parse(read.text)).not.toHaveProperty('condition')
  })

  test('under a query carries the query, not the marker', () => {
    const read = readCall(callOf('a', ['s1'], { failIfEventsMatch: { tags: { on: 's' } }, after: marker }))
    expect(read).toMatchObject({ failIf: [{ tags: ['on:s'] }], after: marker })
    expect('text' in read && JSON.parse(read.text).condition).toEqual({ query: [{ tags: ['on:s'] }] })
  })
})

describe('a commit', () => {
  test('holds as many events as the limit and not one more', () => {
    const many = (count: number) => Array.from({ length: count }, () => 's1')
    expect(readCall(callOf('a', many(commitEventsMax)))).toHaveProperty('text')
    expect(readCall(callOf('a', many(commitEventsMax + 1)))).toMatchObject({
      type: 'TooLarge',
      what: 'events',
      max: commitEventsMax,
    })
  })

  test('has as many bytes as every store takes and not one more, counted as bytes', () => {
    const empty = readCall(largeCall('a', 0))
    const room = commitBytesMax - ('text' in empty ? empty.text.length : 0)
    const tooLarge = { type: 'TooLarge', what: 'bytes', max: commitBytesMax }
    expect(readCall(largeCall('a', room))).toHaveProperty('text')
    expect(readCall(largeCall('a', room + 1))).toMatchObject(tooLarge)
    expect(readCall(largeCall('a', Math.floor(room / 2), 'é'))).toHaveProperty('text')
    expect(readCall(largeCall('a', Math.floor(room / 2) + 1, 'é'))).toMatchObject(tooLarge)
  })
})

describe('a call that makes no sense', () => {
  const option = (options: object): AppendText => callOf('a', ['s1'], options as AppendCall['options'])
  const calls: readonly (readonly [string, AppendText])[] = [
    ['no event', callOf('a', [])],
    ['an empty stream name', withEvent({ stream: '' })],
    ['a stream name that is too long', withEvent({ stream: 'x'.repeat(513) })],
    ['an empty id', callOf('', ['s1'])],
    ['an id that is too long', callOf('x'.repeat(129), ['s1'])],
    ['an option that is misspelt', option({ expectVersion: 1 })],
    ['a version below 0', withWrites(write('s', ['s1'], -1))],
    ['a version with a fraction', withWrites(write('s', ['s1'], 1.5))],
    ['a version beyond the safe integers', withWrites(write('s', ['s1'], 2 ** 53))],
    ['a version that is text', withWrites(write('s', ['s1'], '1'))],
    ['one version for two streams', withWrites(write(undefined, ['s1', 't1'], 1))],
    ['two versions for one stream', withWrites(write('s', ['s1'], 1), write('s', ['s1'], 2))],
    ['a version and a query', option({ expectedVersion: 1, failIfEventsMatch: {} })],
    ['a marker without a condition', option({ after: marker })],
    ['a marker that is none', option({ failIfEventsMatch: {}, after: { revision: 1 } })],
    ['a query without an item', option({ failIfEventsMatch: [] })],
    ['a durability that nobody knows', option({ durability: 'maybe' })],
    ['metadata that is no text', withMetadata({ actor: 1 })],
    ['a tag that is too long', withEvent({ tags: ['x'.repeat(513)] })],
    ['too many tags', withEvent({ tags: Array.from({ length: 33 }, (_, at) => `a:${at}`) })],
    ['metadata that is a list', withMetadata(['a'])],
  ]
  test.each(calls)('is told so: %s', (_name, call) => {
    expect(readCall(call)).toMatchObject({ type: 'Error', code: 'tidelog/argument' })
  })
})
