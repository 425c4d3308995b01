import { describe, expect, test } from 'vitest'
import { GuardedLock } from '../core/guarded-lock.ts'
import type { Locks } from '../core/ports.ts'
import { createBrowser, quiet } from '../log/log.fixture.ts'
import { seekLead } from './leader.ts'

/** Workers of one browser that seek the lead: who began to lead, and who leads now. */
function createWorkers() {
  const { clock, locks, channels } = createBrowser()
  const began: string[] = []
  const leading = new Set<string>()
  const open = (name: string, own: Locks = locks, endMs = 0) => {
    const isVisible = (): boolean => own === locks
    const lock = new GuardedLock('lead', { locks: own, openChannel: channels.open, isVisible })
    return seekLead(lock, clock, async (over) => {
      began.push(name)
      leading.add(name)
      await new Promise((resolve) => over.addEventListener('abort', resolve))
      if (endMs > 0) await new Promise<void>((resolve) => clock.after(endMs, resolve))
      leading.delete(name)
    })
  }
  return { clock, open, began, leading: () => [...leading] }
}

describe('the lead', () => {
  test('is held by one at a time and goes to the next one when it is let go', async () => {
    const { clock, open, began, leading } = createWorkers()
    const a = open('a')
    open('b')
    await clock.pass(60_000)
    expect(began).toEqual(['a'])
    await a.stop()
    await clock.pass(0)
    expect([began, leading()]).toEqual([['a', 'b'], ['b']])
  })

  test('is asked for again and again, whatever comes of it, and not after it was stopped', async () => {
    const { clock, open } = createWorkers()
    const asked: number[] = []
    const request = async (): Promise<boolean> => {
      asked.push(clock.now())
      if (asked.length === 2) throw new Error('no locks here')
      return false
    }
    const { stop } = open('a', { request })
    for (let times = 0; times < 3; times++) {
      await quiet()
      clock.step()
    }
    await quiet()
    expect(asked.map((at) => at - (asked[0] ?? 0))).toEqual([0, 1_000, 2_000, 3_000])
    await stop()
    expect([asked.length, clock.step()]).toEqual([4, false])
  })

  test('goes to another worker at once while a page is suspended, and is asked for again when it is back', async () => {
    const { clock, open, began, leading } = createWorkers()
    const a = open('a')
    const b = open('b')
    await clock.pass(1_000)
    a.suspend(true)
    await clock.pass(0)
    expect(leading()).toEqual(['b'])
    await b.stop()
    await clock.pass(60_000)
    expect([began, leading()]).toEqual([['a', 'b'], []])
    a.suspend(false)
    await clock.pass(0)
    expect([began, leading()]).toEqual([['a', 'b', 'a'], ['a']])
  })

  test('is not led twice by one worker that is back before it has ended', async () => {
    const { clock, open, began, leading } = createWorkers()
    const a = open('a', undefined, 5_000)
    await clock.pass(0)
    a.suspend(true)
    await clock.pass(1_000)
    a.suspend(false)
    await clock.pass(3_000)
    expect(began).toEqual(['a'])
    await clock.pass(5_000)
    expect([began, leading()]).toEqual([['a', 'a'], ['a']])
  })

  test('can be stopped while its page is suspended', async () => {
    const { clock, open, began } = createWorkers()
    const a = open('a')
    await clock.pass(0)
    a.suspend(true)
    await clock.pass(0)
    await a.stop()
    a.suspend(false)
    await clock.pass(10_000)
    expect(began).toEqual(['a'])
  })
})
