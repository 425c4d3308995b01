import { describe, expect, test } from 'vitest'
import { Alarms } from './alarms.ts'
import { manualClock } from './live.fixture.ts'

function setUp() {
  const clock = manualClock()
  const alarms = new Alarms(clock, 800)
  const rung: (readonly [string, number])[] = []
  const sleeping = (name: string) => ({ ring: () => void rung.push([name, clock.now()]) })
  return { clock, alarms, rung, sleeping }
}

describe('alarms', () => {
  test('ring once, in the order in which they were set, and at most an eighth too early', () => {
    const { clock, alarms, rung, sleeping } = setUp()
    alarms.set(sleeping('a'))
    clock.advance(150)
    for (const name of ['b', 'c']) alarms.set(sleeping(name))
    clock.advance(10_000)
    expect(rung).toEqual([
      ['a', 800],
      ['b', 900],
      ['c', 900],
    ])
  })
  test('have one timer, and none when nobody sleeps', () => {
    const { clock, alarms, rung, sleeping } = setUp()
    const all = ['a', 'b', 'c'].map(sleeping)
    for (const who of all) alarms.set(who)
    expect(clock.timersCount()).toBe(1)
    for (const who of all) alarms.clear(who)
    expect(clock.timersCount()).toBe(0)
    for (const who of all) alarms.clear(who)
    alarms.set(sleeping('d'))
    clock.advance(800)
    expect([rung, clock.timersCount()]).toEqual([[['d', 800]], 0])
  })
  test('count from when they were set anew, also from within a ring', () => {
    const { clock, alarms, rung, sleeping } = setUp()
    const a = sleeping('a')
    alarms.set(a)
    clock.advance(700)
    alarms.set(a)
    clock.advance(700)
    expect(rung).toEqual([])
    const again = {
      ring() {
        a.ring()
        if (rung.length < 3) alarms.set(again)
      },
    }
    alarms.clear(a)
    alarms.set(again)
    clock.advance(10_000)
    expect(rung.map(([, at]) => at - 1_400)).toEqual([800, 1_600, 2_400])
    expect(clock.timersCount()).toBe(0)
  })
  test('have one timer also when a ring clears the last and sets one', () => {
    const { clock, alarms, rung, sleeping } = setUp()
    const late = sleeping('late')
    alarms.set({
      ring() {
        alarms.clear(late)
        alarms.set(late)
      },
    })
    clock.advance(100)
    alarms.set(late)
    clock.advance(700)
    expect(clock.timersCount()).toBe(1)
    clock.advance(10_000)
    expect([rung, clock.timersCount()]).toEqual([[['late', 1_600]], 0])
  })
})
