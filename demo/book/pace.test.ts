import { expect, test } from 'vitest'
import { createPace } from './pace.ts'

test('a pace counts only what was done since it began, and tells who listens', () => {
  let now = 5_000
  const pace = createPace(100, 40, () => now)
  const seen: number[] = []
  const stop = pace.subscribe(() => seen.push(pace.get().done))
  expect(pace.get()).toEqual({ done: 40, total: 100, perSecond: 0, remainingMs: undefined })
  now += 2_000
  pace.reach(60)
  expect(pace.get()).toEqual({ done: 60, total: 100, perSecond: 10, remainingMs: 4_000 })
  stop()
  pace.reach(70)
  expect(seen).toEqual([60])
})
