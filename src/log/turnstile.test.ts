import { expect, test } from 'vitest'
import { MemoryLocks } from '../testing/memory-locks.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { Turnstile } from './turnstile.ts'

const minuteMs = 60_000

test('writers take turns for a moment after a lost race, also when the clock is set back meanwhile', async () => {
  const clock = new VirtualClock()
  let offMs = 0
  const set = { now: () => clock.now() + offMs, after: clock.after.bind(clock) }
  const turnstile = new Turnstile('turn', new MemoryLocks(clock), set)
  const inTurn = (): Promise<boolean> => turnstile.run(async (isInTurn) => isInTurn)
  expect(await inTurn()).toBe(false)
  turnstile.contended()
  expect(await inTurn()).toBe(true)
  offMs = -minuteMs
  expect(await inTurn()).toBe(false)
  turnstile.contended()
  expect(await inTurn()).toBe(true)
  await clock.pass(1_000)
  expect(await inTurn()).toBe(false)
})
