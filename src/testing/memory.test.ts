import { describe, expect, test } from 'vitest'
import { MemoryChannels } from './memory-channels.ts'
import { MemoryLocks } from './memory-locks.ts'
import { seededRandom } from './seeded-random.ts'
import { VirtualClock } from './virtual-clock.ts'

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

describe('a lock', () => {
  /** Holders note when they get it and let go when told. */
  function lockFor(clock: VirtualClock) {
    const locks = new MemoryLocks(clock)
    const held: string[] = []
    const release = new Map<string, () => void>()
    const ask = (name: string, options: Parameters<MemoryLocks['request']>[1] = {}) =>
      locks.request('lock', options, () => {
        held.push(name)
        return new Promise<void>((resolve) => release.set(name, resolve))
      })
    return { held, ask, release: (name: string) => release.get(name)?.() }
  }

  test('goes to one after the other, in their order; shared ones hold it together', async () => {
    const { held, ask, release } = lockFor(new VirtualClock())
    const all = [ask('a'), ask('s', { mode: 'shared' }), ask('t', { mode: 'shared' }), ask('b')]
    await turn()
    expect(held).toEqual(['a'])
    release('a')
    await turn()
    expect(held).toEqual(['a', 's', 't'])
    release('s')
    await turn()
    expect(held).toEqual(['a', 's', 't'])
    release('t')
    await turn()
    release('b')
    expect([held, await Promise.all(all)]).toEqual([
      ['a', 's', 't', 'b'],
      [true, true, true, true],
    ])
  })

  test('is given up when the time is up, at once for 0, and those behind go on', async () => {
    const clock = new VirtualClock()
    const { held, ask, release } = lockFor(clock)
    const first = ask('a')
    const late = ask('late', { timeoutMs: 100 })
    expect(await ask('now', { timeoutMs: 0 })).toBe(false)
    const last = ask('last')
    expect(clock.step()).toBe(true)
    expect(await late).toBe(false)
    release('a')
    await first
    await turn()
    release('last')
    expect([held, await last, clock.step()]).toEqual([['a', 'last'], true, false])
  })

  test('is free again when its holder failed', async () => {
    const locks = new MemoryLocks(new VirtualClock())
    await expect(locks.request('lock', {}, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await locks.request('lock', { timeoutMs: 0 }, async () => {})).toBe(true)
  })
})

test('a channel reaches everybody but its poster, with a copy, later, and nobody once it is closed', async () => {
  const channels = new MemoryChannels()
  const heard: unknown[] = []
  const a = channels.open('x', (message) => heard.push(['a', message]))
  const b = channels.open('x', (message) => heard.push(['b', message]))
  channels.open('y', (message) => heard.push(['y', message]))
  const message = { n: 1 }
  a.post(message)
  message.n = 2
  expect(heard).toEqual([])
  await turn()
  expect(heard).toEqual([['b', { n: 1 }]])
  channels.isLost = (posted) => posted === 'lost'
  a.post('lost')
  b.close()
  a.post('late')
  await turn()
  expect(heard).toHaveLength(1)
})

test('a clock calls its timers in the order of their time, then of their making, and never one that was called off', () => {
  const clock = new VirtualClock(100)
  const called: string[] = []
  clock.after(20, () => called.push(`late ${clock.now()}`))
  clock.after(10, () => called.push(`first ${clock.now()}`))
  clock.after(10, () => called.push(`second ${clock.now()}`))
  clock.after(5, () => called.push('never'))()
  while (clock.step());
  expect(called).toEqual(['first 110', 'second 110', 'late 120'])
})

test('seeded randomness is the same for the same seed, and in its bounds', () => {
  const [a, b, c] = [seededRandom(7), seededRandom(7), seededRandom(8)]
  const ids = Array.from({ length: 1_000 }, () => a.newId())
  expect(ids).toEqual(Array.from({ length: 1_000 }, () => b.newId()))
  expect(new Set([...ids, c.newId()]).size).toBe(1_001)
  const parts = Array.from({ length: 1_000 }, () => a.fraction())
  expect(parts.every((part) => part >= 0 && part < 1)).toBe(true)
  expect(parts.some((part) => part < 0.1) && parts.some((part) => part > 0.9)).toBe(true)
})
