import { expect, test } from 'vitest'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { timeNow } from './time.ts'

test('the time is that of the clock, however often it is asked and of whichever clock', () => {
  const [clock, other] = [new VirtualClock(), new VirtualClock()]
  const iso = (ms: number): string => new Date(ms).toISOString()
  expect([timeNow(clock), timeNow(clock)]).toEqual([iso(clock.now()), iso(clock.now())])
  clock.after(1_234, () => {})
  clock.step()
  expect(clock.now()).not.toBe(other.now())
  expect([timeNow(clock), timeNow(other), timeNow(clock)]).toEqual([clock, other, clock].map((one) => iso(one.now())))
})
