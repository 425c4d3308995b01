import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOfNothing } from '../core/digest.ts'
import { channelName, isNotice } from './notice.ts'
import { isKnownRow } from './rows.ts'
import { isLiveHead, isPullAnswer, isPullPage, isPushAnswer, isPushEnvelope, isSeen, type PullPage } from './sync.ts'
import { databaseName } from './worker.ts'

const seen = { position: 3, digest: '0123456789abcdef' }
const nothing = { position: 0, digest: digestOfNothing }
const commit = { id: 'c', contentId: 'd', time: 't', events: [{ type: 'A', stream: 's', data: 1 }] }
const page: PullPage = { protocol: 1, status: 'page', after: nothing, commits: [commit], through: seen, head: 3 }
const verdicts = [
  { id: 'a', verdict: 'accepted', position: 3 },
  { id: 'b', verdict: 'duplicate', position: 2 },
  { id: 'c', verdict: 'conflict', positions: [1, 2] },
  { id: 'd', verdict: 'rejected', contentId: 'x', problem: { type: 'p', title: 'No' } },
  { id: 'e', verdict: 'held' },
]
const pushed = { protocol: 1, status: 'verdicts', verdicts, page }
const moved = { v: 1, kind: 'moved', database: 'd', previous: 0, head: 1, confirmed: 0, pending: 1 }
const guards = [isSeen, isPullPage, isPullAnswer, isPushAnswer, isLiveHead, isPushEnvelope, isNotice]

describe('the guards of the wire', () => {
  test('let the answers of the protocol pass', () => {
    expect(isSeen(seen) && isSeen(nothing)).toBe(true)
    expect(isPullAnswer(page) && isPullAnswer({ protocol: 1, status: 'diverged', head: 0 })).toBe(true)
    expect(isPushAnswer(pushed)).toBe(true)
    expect(isPushAnswer({ protocol: 1, status: 'pull-first', head: 9 })).toBe(true)
    expect(isPushAnswer({ protocol: 1, status: 'diverged', head: 9 })).toBe(true)
    expect(isLiveHead({ protocol: 1, head: 3 })).toBe(true)
    expect(isPushEnvelope({ protocol: 1, seen, commits: [null] })).toBe(true)
  })

  const answers: readonly (readonly [string, unknown])[] = [
    ['another version of the protocol', { ...page, protocol: 2 }],
    ['no version of the protocol', { ...page, protocol: undefined }],
    ['a page of another kind', { ...page, status: 'ok' }],
    ['a page without its end', { ...page, through: undefined }],
    ['a digest that is too short', { ...page, after: { position: 0, digest: '0' } }],
    ['a digest in capitals', { ...page, after: { position: 0, digest: 'ABCDEFABCDEFABCD' } }],
    ['a position below 0', { ...page, after: { position: -1, digest: digestOfNothing } }],
    ['a head that is no whole number', { ...page, head: 1.5 }],
    ['a head beyond the safe integers', { ...page, head: 2 ** 53 }],
    ['a commit that is none', { ...page, commits: [{ ...commit, events: [] }] }],
    ['diverged without a head', { protocol: 1, status: 'diverged' }],
  ]
  test.each(answers)('refuse %s', (_name, value) => {
    expect([isPullAnswer(value), isPushAnswer({ ...pushed, page: value })]).toEqual([false, false])
  })

  const refused: readonly (readonly [string, object])[] = [
    ['without an id', { verdict: 'held' }],
    ['of an unknown kind', { id: 'a', verdict: 'maybe' }],
    ['accepted at no position', { id: 'a', verdict: 'accepted' }],
    ['accepted at position 0', { id: 'a', verdict: 'accepted', position: 0 }],
    ['conflict without positions', { id: 'a', verdict: 'conflict' }],
    ['rejected without a reason', { id: 'a', verdict: 'rejected', contentId: 'x' }],
    ['rejected without its content', { id: 'a', verdict: 'rejected', problem: { type: 'p', title: 't' } }],
  ]
  test.each(refused)('refuse a verdict %s', (_name, verdict) => {
    expect(isPushAnswer({ ...pushed, verdicts: [verdict] })).toBe(false)
  })

  test('answer for anything, and never throw', () => {
    fc.assert(fc.property(fc.anything(), (value) => guards.every((guard) => typeof guard(value) === 'boolean')))
    const parts = [page, pushed, moved, { protocol: 1, seen, commits: [] }]
    const altered = fc
      .constantFrom(...parts)
      .chain((part) => fc.tuple(fc.constant(part), fc.constantFrom(...Object.keys(part)), fc.anything()))
    fc.assert(
      fc.property(altered, ([part, key, value]) =>
        guards.every((guard) => typeof guard({ ...part, [key]: value }) === 'boolean'),
      ),
    )
  })

  test('take only fields that the answer has itself, and pollute nothing', () => {
    const value: unknown = JSON.parse(`{"__proto__":${JSON.stringify(page)}}`)
    expect(isPullPage(value)).toBe(false)
    expect('protocol' in {}).toBe(false)
  })
})

describe('the guard of notices', () => {
  test('lets notices pass', () => {
    const link = { state: 'live', sent: 0, serverHead: 0 }
    const good = [
      moved,
      { v: 1, kind: 'contended' },
      { v: 1, kind: 'sync', database: 'd', link },
      { v: 1, kind: 'sync-request', database: 'd' },
    ]
    expect(good.every(isNotice)).toBe(true)
  })

  test.each([
    [{ ...moved, v: 2 }],
    [{ ...moved, kind: 'news' }],
    [{ ...moved, previous: -1 }],
    [{ v: 1, kind: 'sync', database: 'd' }],
    ['moved'],
  ])('refuses %j', (value) => {
    expect(isNotice(value)).toBe(false)
  })

  test('knows the rows of this format only', () => {
    expect(isKnownRow({ kind: 'append', format: 1 })).toBe(true)
    expect(isKnownRow({ kind: 'append', format: 2 })).toBe(false)
    expect(isKnownRow({ kind: 'erase', format: 1 })).toBe(true)
    expect(isKnownRow({ kind: 'attach', format: 1 })).toBe(false)
  })
})

describe('the name of a database', () => {
  test('is another one for another log or key, whatever they are called', () => {
    const name = fc.string({ minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(name, fc.string({ maxLength: 8 }), name, fc.string({ maxLength: 8 }), (log, key, other, otherKey) => {
        const isSame = log === other && key === otherKey
        expect(databaseName(log, key) === databaseName(other, otherKey)).toBe(isSame)
      }),
    )
    expect(databaseName('shop', '')).toBe('tidelog/shop')
    expect(channelName(databaseName('a/b', 'c/d'))).toBe('tidelog/v1/tidelog/a%2Fb/c%2Fd')
  })
})
