import { describe, expect, test } from 'vitest'
import { MemoryChannels } from '../testing/memory-channels.ts'
import { MemoryLocks } from '../testing/memory-locks.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { GuardedLock } from './guarded-lock.ts'
import type { Locks } from './ports.ts'

/** Tabs of one browser that ask for one lock: who holds it now, and who holds it although it has lost it. */
function createTabs() {
  const clock = new VirtualClock()
  const channels = new MemoryChannels()
  const locks = new MemoryLocks(clock)
  const holds: string[] = []
  const inHand: string[] = []
  const open = (name: string, own: Locks = locks) => {
    const tab = { isFrozen: false, isVisible: true, asked: 0 }
    const lock = new GuardedLock('lead', {
      locks: own,
      isVisible: () => tab.isVisible,
      openChannel: (channel, hear) => {
        const { post, close } = channels.open(channel, (message) => {
          if (!tab.isFrozen) hear(message)
        })
        const count = (message: unknown): void => {
          if (message === 'who') tab.asked += 1
          post(message)
        }
        return { post: count, close }
      },
    })
    /** Asks until it is told to stop; what it runs ends a while after it was told to. */
    const seek = (signal: AbortSignal = new AbortController().signal, endMs = 0): void => {
      const run = async (over: AbortSignal): Promise<void> => {
        holds.push(name)
        inHand.push(name)
        await new Promise((resolve) => over.addEventListener('abort', resolve))
        if (endMs > 0) await new Promise<void>((resolve) => clock.after(endMs, resolve))
        inHand.splice(inHand.indexOf(name), 1)
      }
      const again = (): void => {
        if (signal.aborted) return
        const next = (): void => void clock.after(1_000, again)
        lock.hold(run, signal).then(next, next)
      }
      again()
    }
    return { tab, lock, seek }
  }
  return { clock, locks, open, holds, inHand, pass: (ms: number) => clock.pass(ms) }
}

describe('a lock that is held by a tab', () => {
  test('stays there while the tab answers, however many ask for however long', async () => {
    const { open, holds, pass } = createTabs()
    for (const name of ['a', 'b', 'c']) open(name).seek()
    await pass(10 * 60_000)
    expect(holds).toEqual(['a'])
  })

  test('goes to one that is looked at when the tab is frozen, within 12 seconds', async () => {
    for (const frozenAfterMs of [0, 1_000, 3_100, 3_900]) {
      const { open, holds, pass } = createTabs()
      const a = open('a')
      a.seek()
      open('b').seek()
      await pass(frozenAfterMs)
      a.tab.isFrozen = true
      await pass(6_000)
      expect(holds).toEqual(['a'])
      await pass(6_000)
      expect(holds).toEqual(['a', 'b'])
    }
  })

  test('stays with a frozen tab while nobody looks at another one, which then does not ask either', async () => {
    const { open, holds, pass } = createTabs()
    const [a, b] = [open('a'), open('b')]
    b.tab.isVisible = false
    a.seek()
    b.seek()
    a.tab.isFrozen = true
    await pass(10 * 60_000)
    expect([holds, b.tab.asked]).toEqual([['a'], 0])
    b.tab.isVisible = true
    await pass(12_000)
    expect(holds).toEqual(['a', 'b'])
  })

  test('stays with a frozen tab when the one that waits is looked at no longer before it would be taken', async () => {
    const { open, holds, pass } = createTabs()
    const [a, b] = [open('a'), open('b')]
    a.seek()
    b.seek()
    a.tab.isFrozen = true
    await pass(9_000)
    b.tab.isVisible = false
    await pass(60_000)
    expect([holds, b.tab.asked]).toEqual([['a'], 3])
  })

  test('is taken once: who has lost it ends, waits for it, and does not take it back', async () => {
    for (const laterMs of [10, 500, 1_500, 3_500]) {
      const { open, holds, inHand, pass } = createTabs()
      const [a, b, c] = [open('a'), open('b'), open('c')]
      a.seek()
      b.seek()
      await pass(laterMs)
      c.seek()
      a.tab.isFrozen = true
      await pass(11_000)
      a.tab.isFrozen = false
      await pass(10 * 60_000)
      expect(holds).toHaveLength(2)
      expect(inHand).toEqual([holds[1]])
    }
  })

  test('is not asked for again before what ran inside it has ended', async () => {
    const { open, holds, inHand, pass } = createTabs()
    const a = open('a')
    a.seek(undefined, 60_000)
    const b = open('b')
    const stopping = new AbortController()
    b.seek(stopping.signal)
    a.tab.isFrozen = true
    await pass(12_000)
    a.tab.isFrozen = false
    stopping.abort()
    await pass(30_000)
    expect([holds, inHand]).toEqual([['a', 'b'], ['a']])
    await pass(60_000)
    expect([holds, inHand]).toEqual([['a', 'b', 'a'], ['a']])
  })

  test('goes to the next one at once when its signal is aborted, and what ran inside is waited for', async () => {
    const { clock, open, inHand, pass } = createTabs()
    const turn = new AbortController()
    const { lock } = open('a')
    let hasEnded = false
    const holding = lock.hold(async (over) => {
      await new Promise((resolve) => over.addEventListener('abort', resolve))
      await new Promise<void>((resolve) => clock.after(5_000, resolve))
      hasEnded = true
    }, turn.signal)
    open('b').seek()
    await pass(1_000)
    turn.abort()
    await pass(0)
    expect([inHand, hasEnded]).toEqual([['b'], false])
    await pass(5_000)
    expect([await holding, hasEnded]).toEqual([true, true])
  })
})

describe('a request for a lock', () => {
  test('gives what failed inside it, and false when it was not to be had or is no longer wanted', async () => {
    const { clock, open, pass } = createTabs()
    const [a, b] = [open('a').lock, open('b').lock]
    const never = new AbortController().signal
    await expect(a.hold(() => Promise.reject(new Error('no')), never)).rejects.toThrow('no')
    void a.hold(() => new Promise<void>((resolve) => clock.after(5_000, resolve)), never)
    const run = async (): Promise<void> => {}
    expect(await b.hold(run, never, 0)).toBe(false)
    expect(await b.hold(run, AbortSignal.abort())).toBe(false)
    const late = b.hold(run, never)
    await pass(3_000)
    expect(await late).toBe(false)
    const third = b.hold(run, never)
    await pass(3_000)
    expect(await third).toBe(true)
  })

  test('that is taken back counts as no sign of a frozen holder', async () => {
    const { open, holds, pass } = createTabs()
    const [a, b] = [open('a'), open('b')]
    a.seek()
    a.tab.isFrozen = true
    for (let nth = 0; nth < 5; nth++) {
      const turn = new AbortController()
      const asked = b.lock.hold(async () => void holds.push('b'), turn.signal)
      await pass(100)
      turn.abort()
      expect(await asked).toBe(false)
    }
    expect(holds).toEqual(['a'])
  })

  test('rejects where locks are not to be had, with the reason', async () => {
    const { open } = createTabs()
    const refusing: Locks = { request: () => Promise.reject(new Error('not here')) }
    const { lock } = open('a', refusing)
    await expect(lock.hold(async () => {}, new AbortController().signal)).rejects.toThrow('not here')
  })
})
