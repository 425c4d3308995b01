import { describe, expect, test } from 'vitest'
import { progressToWords } from './progress-words.ts'

describe('the words for progress', () => {
  test('say how far, how fast and how long, as far as that is known', () => {
    const far = { done: 12_000, total: 100_000, perSecond: 31_234, remainingMs: 2_800 }
    expect(progressToWords(far)).toBe('12,000 of 100,000, 31,200 a second, 3\u00a0s\u00a0left')
    expect(progressToWords({ ...far, remainingMs: 200_000 })).toMatch(/, 4\u00a0min\u00a0left$/)
    expect(progressToWords({ ...far, perSecond: 0, remainingMs: undefined })).toBe('12,000 of 100,000')
    expect(progressToWords({ ...far, total: undefined, remainingMs: undefined })).toBe('12,000 events, 31,200 a second')
  })
})
