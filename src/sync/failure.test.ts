import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backoffMs } from './backoff.ts'
import { failureOfStatus, SyncFailure, toFailure } from './failure.ts'

describe('a status that is no success', () => {
  // What ends a conversation counts only from a server that speaks the protocol.
  const kinds: readonly (readonly [status: number, ours: string, others: string])[] = [
    [400, 'stopped', 'waiting'],
    [401, 'needs-credentials', 'needs-credentials'],
    [403, 'forbidden', 'waiting'],
    [404, 'stopped', 'waiting'],
    [405, 'stopped', 'waiting'],
    [408, 'waiting', 'waiting'],
    [410, 'forbidden', 'waiting'],
    [413, 'too-large', 'too-large'],
    [415, 'stopped', 'waiting'],
    [418, 'waiting', 'waiting'],
    [426, 'client-too-old', 'waiting'],
    [429, 'waiting', 'waiting'],
    [500, 'waiting', 'waiting'],
    [502, 'waiting', 'waiting'],
    [503, 'waiting', 'waiting'],
    [504, 'waiting', 'waiting'],
    [302, 'waiting', 'waiting'],
  ]
  test.each(kinds)('%i asks a tidelog server for %s, anybody else for %s', (status, ours, others) => {
    expect(failureOfStatus(status, true, 't')).toMatchObject({ kind: ours, type: `http-${status}`, message: 't' })
    expect(failureOfStatus(status, false, 't').kind).toBe(others)
  })

  test('keeps what the server asks to wait', () => {
    expect(failureOfStatus(503, true, 't', 2_000).retryAfterMs).toBe(2_000)
  })
})

test('an error that nobody knows is worth another try', () => {
  const known = new SyncFailure('stopped', 'x', 'y')
  expect(toFailure(known)).toBe(known)
  expect(toFailure(new TypeError('no line'))).toMatchObject({ kind: 'waiting', type: 'network', message: 'no line' })
  expect(toFailure('odd')).toMatchObject({ kind: 'waiting', message: 'odd' })
})

describe('the back-off', () => {
  const at = (failures: number, fraction: number, leastMs?: number): number =>
    backoffMs(failures, { newId: () => '', fraction: () => fraction }, leastMs)

  test('doubles up to a minute, with full jitter', () => {
    expect([1, 2, 3, 7, 8, 9, 1_000].map((failures) => at(failures, 1))).toEqual([
      500, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000,
    ])
    expect([at(5, 0), at(5, 0.5)]).toEqual([0, 4_000])
  })

  test('is never below what the server asks for, nor above its bounds', () => {
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fraction, fc.nat(3_600_000), (failures, part, least) => {
        const ms = at(failures, part, least)
        expect(ms).toBeGreaterThanOrEqual(least)
        expect(ms).toBeLessThanOrEqual(Math.max(least, 60_000))
      }),
    )
  })
})
