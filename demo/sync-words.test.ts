import type { SyncState, SyncStatus } from 'tidelog'
import { describe, expect, test } from 'vitest'
import { errorToWords, isFarBehind, syncToWords } from './sync-words.ts'

const status = (state: SyncState, more: Partial<SyncStatus> = {}): SyncStatus => ({
  state,
  synced: false,
  pending: 2,
  confirmed: 7,
  sent: 7,
  serverHead: 7,
  failures: 0,
  ...more,
})

describe('the words for sync', () => {
  test('say that what is held up is safe, and what to do about it', () => {
    const held = status('blocked', { lastError: { type: 'update-needed', message: 'ItemArchived' } })
    expect(syncToWords(held, 0)).toEqual({
      mood: 'trouble',
      title: 'Held up',
      detail: '2 changes safe on this device.',
    })
    expect(errorToWords(held)).toMatch(/^A newer version of the shop/)
  })
  test.each(['needs-decider', 'update-needed', 'decider-failed'])('name the way out of %s', (type) =>
    expect(errorToWords(status('blocked', { lastError: { type, message: '?' } }))).toMatch(/take (that|it)? ?back/i),
  )
  test('count the tries that failed, from the second on', () => {
    const lastError = { type: 'network', message: '?' }
    expect(errorToWords(status('waiting', { lastError, failures: 1 }))).not.toContain('Tried')
    expect(errorToWords(status('waiting', { lastError, failures: 4 }))).toContain('Tried 4 times.')
  })
  test('say when the next try is', () => {
    const { detail } = syncToWords(status('waiting', { failures: 1, retryAt: 5_200 }), 1_000)
    expect(detail).toBe('2 changes safe on this device. Next try in 5 s.')
  })
  test('say how far it is to the server when that is far, and that what is pending is safe', () => {
    const behind = status('working', { confirmed: 12_000, serverHead: 100_000, pending: 0 })
    const progress = { done: 12_000, total: 100_000, perSecond: 40_000, remainingMs: 2_200 }
    const detail = '12,000 of 100,000, 3\u00a0s\u00a0left.'
    expect(syncToWords(behind, 0, progress)).toEqual({ mood: 'busy', title: 'Catching up', detail })
    expect(syncToWords({ ...behind, pending: 1 }, 0, progress).detail).toBe(`${detail} 1 change safe on this device.`)
    expect(isFarBehind({ ...behind, state: 'paused' })).toBe(false)
    const near = { ...behind, confirmed: 98_000 }
    expect(isFarBehind(near)).toBe(false)
    expect(syncToWords(near, 0, progress).detail).toBe('Fetching what others did.')
  })
})
