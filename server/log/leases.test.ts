// Who runs what, on a clock that the tests move: a lease is kept up without a trace, and lost by who is not heard of.
import { defineLog, unwrap } from 'tidelog'
import { type AnyAutomation, defineReactor } from 'tidelog/automation'
import type { LogStore } from 'tidelog/server'
import { openServerLog } from 'tidelog/server/log'
import { consumersOf, subscribe } from 'tidelog/subscribe'
import { VirtualClock } from 'tidelog/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { keptLogName } from './kept-log.ts'
import { events, office, placed } from './office.fixture.ts'
import { stage, storeKinds } from './stage.fixture.ts'

const name = keptLogName('office')
const wide = { commitsMax: 100_000, bytesMax: 100_000_000 }
const leaseMs = 30_000

describe.each(storeKinds)('over %s', (kind) => {
  const { store, closing } = stage(kind)
  let clock: VirtualClock
  beforeEach(() => {
    clock = new VirtualClock()
  })
  const open = (automations: readonly AnyAutomation[] = [], own: LogStore = store()) => {
    const log = openServerLog(defineLog({ ...office, automations }), { store: own, clock, leaseMs })
    // Closing may wait for a time.
    closing.unshift(async () => {
      let isOver = false
      log.close().then(() => {
        isOver = true
      })
      await until(() => isOver)
    })
    return log
  }
  type Open = ReturnType<typeof open>

  /** Lets time pass, a little at a time, until something is so. */
  const until = async (isSo: () => Promise<boolean> | boolean) => {
    for (let ms = 0; !(await isSo()); ms += 100) {
      if (ms > 600_000) throw new Error('it never came to that')
      await clock.pass(100)
    }
  }
  const letters = (asked: string[], before: (order: string) => Promise<void> | void = () => {}) =>
    defineReactor(events, {
      name: 'letters',
      on: 'server',
      query: { types: ['Placed'] },
      react: async ({ data: { order } }) => {
        asked.push(order)
        await before(order)
        return [events.Letter({ order })]
      },
    })
  const lettersIn = async (log: Open) =>
    (await log.read({ query: { types: ['Letter'] } }).all()).events.map(({ data }) => data.order)
  const place = async (log: Open, ...orders: readonly string[]) => {
    for (const order of orders) unwrap(await log.append([placed(order)]))
  }
  const answered = async (log: Open, ...orders: readonly string[]) => {
    await until(async () => (await lettersIn(log)).length >= orders.length)
    expect(await lettersIn(log)).toEqual(orders)
  }

  test('a process that was not heard of loses its consumers, and what it does later is neither doubled nor kept', async () => {
    let goOn = (): void => {}
    const awake = new Promise<void>((resolve) => {
      goOn = resolve
    })
    let isStalled = false
    // What it writes beside the log waits, as for a process that hangs.
    const stalling: LogStore = {
      ...store(),
      append: async (...args) => {
        if (isStalled && args[0] === name) await awake
        return store().append(...args)
      },
      erasures: undefined as never,
    }
    const [one, other]: [string[], string[]] = [[], []]
    const hang = async (order: string) => {
      if (order !== '1') return
      isStalled = true
      await awake
    }
    const first = open([letters(one, hang)], stalling)
    await place(first, '0')
    await answered(first, '0')
    await clock.pass(1_000)
    await place(first, '1', '2')
    await until(() => one.length === 2)
    const second = open([letters(other)])
    await answered(second, '0', '1', '2')
    goOn()
    await place(second, '3', '4')
    await answered(second, '0', '1', '2', '3', '4')
    expect(one).toEqual(['0', '1'])
    expect(other).toEqual(['1', '2', '3', '4'])
    await until(() => consumersOf(first).get()[0]?.state === 'waiting')
  })

  test('a process that died is followed by another one when its lease is over, not before', async () => {
    const [one, other]: [string[], string[]] = [[], []]
    let isDead = false
    const dead = new Promise<never>(() => {})
    const mortal: LogStore = {
      ...store(),
      append: (...args) => (isDead ? dead : store().append(...args)),
      range: (...args) => (isDead ? dead : store().range(...args)),
      erasures: undefined as never,
    }
    const first = openServerLog(defineLog({ ...office, automations: [letters(one)] }), {
      store: mortal,
      clock,
      leaseMs,
    })
    await until(async () => (await store().head(name)).position > 0)
    await clock.pass(1_000)
    isDead = true
    const second = open([letters(other)])
    await place(second, '0')
    const diedAt = clock.now()
    await clock.pass(leaseMs / 2)
    expect(await lettersIn(second)).toEqual([])
    await answered(second, '0')
    expect(clock.now() - diedAt).toBeLessThan(2 * leaseMs)
    expect([one, other]).toEqual([[], ['0']])
    expect(first.storage.get().state).toBe('ok')
  })

  test('a store that fails for a while, from the start or later, holds up what runs by itself and ends none of it', async () => {
    const [asked, errors]: [string[], unknown[]] = [[], []]
    let isDown = true
    const fail = async (): Promise<never> => {
      throw new Error('the database is gone')
    }
    const shaky: LogStore = {
      ...store(),
      append: (...args) => (isDown ? fail() : store().append(...args)),
      range: (...args) => (isDown ? fail() : store().range(...args)),
      head: (...args) => (isDown ? fail() : store().head(...args)),
    }
    const model = defineLog({ ...office, automations: [letters(asked)] })
    const log = openServerLog(model, { store: shaky, clock, leaseMs, onError: (error) => errors.push(error) })
    closing.unshift(log.close)
    await expect(log.ready).rejects.toThrow('the database is gone')
    await expect(log.append([placed('0')])).rejects.toThrow('the database is gone')
    await clock.pass(60_000)
    isDown = false
    await until(async () => (await log.append([placed('0')], { commitId: 'first' }).catch(() => ({ ok: false }))).ok)
    await answered(log, '0')
    isDown = true
    // Longer than its lease.
    await clock.pass(3 * leaseMs)
    isDown = false
    await place(log, '1', '2')
    await answered(log, '0', '1', '2')
    expect(consumersOf(log).get()).toMatchObject([{ name: 'reactor/letters', state: 'live' }])
    expect(errors.length).toBeGreaterThan(5)
  })

  test('a process that waits for work keeps its lease for as long as it lives, and makes nothing longer', async () => {
    const [one, other]: [string[], string[]] = [[], []]
    const log = open([letters(one)])
    await place(log, '0')
    await answered(log, '0')
    await clock.pass(1_000)
    const before = (await store().range(name, 0, wide)).commits
    const second = open([letters(other)])
    await clock.pass(20 * leaseMs)
    const after = (await store().range(name, 0, wide)).commits
    expect(after).toHaveLength(before.length)
    expect(after.map(({ text }) => text)).not.toEqual(before.map(({ text }) => text))
    await place(second, '1')
    await answered(second, '0', '1')
    expect([one, other]).toEqual([['0', '1'], []])
  })

  test('over a store that replaces nothing it says so by new commits, and is believed', async () => {
    const plain = (): LogStore => {
      const { erasures: _none, ...rest } = store()
      return rest
    }
    const [one, other]: [string[], string[]] = [[], []]
    const log = open([letters(one)], plain())
    await place(log, '0')
    await answered(log, '0')
    const second = open([letters(other)], plain())
    await clock.pass(20 * leaseMs)
    await place(second, '1')
    await answered(second, '0', '1')
    expect([one, other]).toEqual([['0', '1'], []])
  })

  test('what is kept is written anew now and then while others hold locks, and they go on to hold them', async () => {
    const [one, other]: [string[], string[]] = [[], []]
    const log = open([letters(one)])
    await place(log, '0')
    await answered(log, '0')
    const busy = open([letters(other)])
    // Enough changes for two snapshots, which blank the commit that the lease was renewed in.
    for (let round = 0; round < 2; round++) {
      const states = subscribe(busy, { name: 'busy', checkpoint: { events: 1 } }, (_, { state }) =>
        state.set('at', { round, words: 'x'.repeat(200) }),
      )
      unwrap(await busy.append(Array.from({ length: 300 }, () => events.Viewed({ page: `${round}` }))))
      const { confirmed } = await busy.logHead()
      await until(() => states.status.get().checkpoint === confirmed)
      await states.stop()
      await clock.pass(3 * leaseMs)
    }
    const { commits } = await store().range(name, 0, wide)
    expect(commits.filter(({ text }) => text.includes('"isErased":true')).length).toBeGreaterThan(256)
    await place(busy, '1')
    await answered(log, '0', '1')
    expect([one, other]).toEqual([['0', '1'], []])
  }, 60_000)
})
