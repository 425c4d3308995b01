// Runs of consumers: tabs that are left and come back, resets, runners, shards and what is told of pending commits.
import { isTidelogError } from 'tidelog'
import { checkpointOf, consumersOf, keepRunning, type Subscription, subscribe } from 'tidelog/subscribe'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { shop } from '../types/shop.ts'
import { quiet, until } from './harness.ts'
import { stageOf } from './more-stage.ts'
import { append, appendMany, newGate, type Placed, positions, useBrowser } from './shop-tab.ts'

export function describeTurns(): void {
  describe('a consumer over its runs', () => {
    const { openTab, browser } = useBrowser()
    const stateOf = ({ status }: Subscription) => status.get().state
    const isLive = (run: Subscription) => () => stateOf(run) === 'live'

    test('one whose tab is left lets another tab go on at once, and waits for its turn when it is back', async () => {
      const [stage, other] = [stageOf(openTab()), openTab()]
      await append(other, '1')
      const got: string[] = []
      let handling: AbortSignal | undefined
      const first = stage.subscribe({ name: 'n' }, ({ position }, { signal }) => {
        handling = signal
        got.push(`first ${position}`)
        return position === 1 ? undefined : new Promise(() => {})
      })
      await until(() => first.status.get().checkpoint === 1)
      await append(other, '2')
      await until(() => got.length === 2)
      stage.leave()
      expect(handling?.aborted).toBe(true)
      // The handler in the tab that was left hangs, and no time passes.
      const second = subscribe(other.log, { name: 'n' }, ({ position }) => void got.push(`second ${position}`))
      await until(() => got.length === 3)
      await until(isLive(second))
      await browser().pass(6_000)
      expect(stateOf(first)).toBe('suspended')
      stage.comeBack()
      await until(() => stateOf(first) === 'waiting')
      await second.stop()
      await browser().pass(3_500)
      await until(isLive(first))
      await append(other, '3')
      await until(() => got.length === 4)
      expect(got).toEqual(['first 1', 'first 2', 'second 2', 'first 3'])
      await browser().pass(6_000)
    })

    test('one whose tab gives no sign of life is followed by another tab, ends its run, and takes nothing back', async () => {
      const [tab, other] = [openTab(), openTab()]
      await append(other, '1')
      const got: string[] = []
      const follow = (name: string, { log }: typeof tab): Subscription =>
        subscribe(log, { name: 'n' }, ({ position }) => void got.push(`${name} ${position}`))
      const first = follow('first', tab)
      await until(() => first.status.get().checkpoint === 1)
      const second = follow('second', other)
      await until(() => stateOf(second) === 'waiting')
      tab.deafen(true)
      await browser().pass(12_000)
      await until(isLive(second))
      tab.deafen(false)
      await until(() => stateOf(first) === 'waiting')
      await append(other, '2')
      await until(() => got.length === 2)
      await browser().pass(30_000)
      expect([got, stateOf(first), stateOf(second)]).toEqual([['first 1', 'second 2'], 'waiting', 'live'])
    })

    test('one whose tab is left and is back goes on where it was, and one without a name never stops', async () => {
      const tab = openTab()
      const stage = stageOf(tab)
      await append(tab, '1', '2')
      const [named, unnamed] = [stage.follow({ name: 'n' }), stage.follow()]
      await until(() => named.subscription.status.get().checkpoint === 2 && unnamed.got.length === 2)
      stage.leave()
      await until(() => stateOf(named.subscription) === 'suspended')
      await append(tab, '3')
      await until(() => unnamed.got.length === 3)
      await quiet()
      expect(named.got).toHaveLength(2)
      stage.comeBack()
      await until(() => named.got.length === 3)
      expect(positions(named.got)).toEqual([1, 2, 3])
      stage.leave()
      await until(() => stateOf(named.subscription) === 'suspended')
      expect(await named.subscription.stop()).toEqual({ reason: 'stopped' })
    })

    test('one whose tab is left before its run has begun does not run until it is back', async () => {
      const tab = openTab()
      const stage = stageOf(tab)
      await append(tab, '1')
      const gate = newGate()
      const got: Placed[] = []
      let resets = 0
      const handler = {
        reset: () => {
          resets++
          return gate.opened
        },
        handle: (event: Placed) => void got.push(event),
      }
      const run = stage.subscribe({ name: 'n' }, handler)
      await until(() => resets === 1)
      stage.leave()
      gate.open()
      await quiet()
      expect(got).toEqual([])
      stage.comeBack()
      await until(isLive(run))
      expect([positions(got), resets]).toEqual([[1], 2])
    })

    test('what is asked while a run begins is done: a stop, a reset', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const begin = () => {
        const gate = newGate()
        const steps: string[] = []
        const run = subscribe(
          tab.log,
          { name: 'n' },
          {
            reset: () => {
              steps.push('reset')
              return gate.opened
            },
            handle: ({ position }) => void steps.push(`${position}`),
            stop: () => void steps.push('stop'),
          },
        )
        return { gate, steps, run }
      }
      const one = begin()
      await until(() => one.steps.length === 1)
      const stopped = one.run.stop()
      one.gate.open()
      expect(await stopped).toEqual({ reason: 'stopped' })
      expect(one.steps).toEqual(['reset', 'stop'])
      const two = begin()
      await until(() => two.steps.length === 1)
      const reset = two.run.reset(1)
      two.gate.open()
      await reset
      await until(() => two.run.status.get().checkpoint === 2)
      expect(two.steps).toEqual(['reset', 'stop', 'reset', '2'])
      await two.run.stop()
      await expect(two.run.reset()).rejects.toSatisfy((error) => isTidelogError(error, 'tidelog/argument'))
    })

    test('a reset of one that ends meanwhile is refused, and its handler is told of the end also after a failure', async () => {
      const [tab, other] = [openTab(), openTab()]
      await append(tab, '1')
      const first = subscribe(tab.log, { name: 'n' }, () => {})
      await until(isLive(first))
      const waiting = subscribe(other.log, { name: 'n' }, () => {})
      await until(() => stateOf(waiting) === 'waiting')
      const reset = waiting.reset().catch((error) => error)
      expect(await waiting.stop()).toEqual({ reason: 'stopped' })
      expect(isTidelogError(await reset, 'tidelog/aborted')).toBe(true)
      let stops = 0
      const broken = { handle: () => Promise.reject(new Error('no')), stop: () => stops++ }
      expect(await subscribe(tab.log, {}, broken).ended).toMatchObject({ reason: 'failed' })
      expect(stops).toBe(1)
    })

    test('one without a name goes on behind a reset, and with a marker where it was', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const got: Placed[] = []
      const run = subscribe(tab.log, {}, (event) => void got.push(event))
      await until(() => got.length === 3)
      await run.reset(2)
      await until(() => got.length === 4)
      expect(positions(got)).toEqual([1, 2, 3, 3])
    })

    test('the same name in two logs is two consumers, and shards of one run side by side', async () => {
      const tab = openTab()
      const elsewhere = browser().openTab({ ...shop, name: 'another' })
      const runs = [
        subscribe(tab.log, { name: 'n' }, () => {}),
        subscribe(elsewhere.log, { name: 'n' }, () => {}),
        subscribe(openTab().log, { name: 's', shard: { index: 0, of: 2 } }, () => {}),
        subscribe(tab.log, { name: 's', shard: { index: 1, of: 2 } }, () => {}),
      ]
      for (const run of runs) await until(isLive(run))
    })

    test('RX-19 after a reset nothing of before counts, whoever kept it', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      await subscribe(tab.log, { name: 'n', to: 'head' }, () => {}).ended
      const checkpoint = checkpointOf(tab.log, 'n')
      await checkpoint.reset(1)
      expect(await checkpointOf(openTab().log, 'n').get()).toBe(1)
      await checkpoint.set(2)
      expect(await checkpointOf(openTab().log, 'n').get()).toBe(2)
      for (const bad of [-1, 0.5, 1]) await expect(checkpoint.set(bad)).rejects.toThrow()
      await expect(checkpoint.reset(-1)).rejects.toThrow()
    })

    test('RX-19 a runner that was frozen does not take the checkpoint back', async () => {
      const [stage, other] = [stageOf(openTab()), openTab()]
      await append(other, '1', '2', '3')
      const gate = newGate()
      const first = stage.subscribe({ name: 'n', checkpoint: { events: 1 } }, ({ position }) =>
        position === 2 ? gate.opened : undefined,
      )
      await until(() => first.status.get().checkpoint === 1)
      stage.leave()
      const { ended } = subscribe(other.log, { name: 'n', to: 'head' }, () => {})
      expect(await ended).toEqual({ reason: 'head-reached' })
      gate.open()
      await until(() => first.status.get().position === 2)
      await quiet()
      expect(await checkpointOf(other.log, 'n').get()).toBe(3)
    })

    test('RX-2 checkpoints of the user’s own only move forward', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const sets: number[] = []
      const store = { get: async () => 1, set: async (_: string, position: number) => void sets.push(position) }
      const options = { name: 'n', to: 'head', checkpoint: { store, events: 1 }, onError: { giveUp: 'park' } } as const
      const run = subscribe(tab.log, options, ({ position }) => {
        if (position === 3) throw new Error('no')
      })
      await run.ended
      expect(sets).toEqual([2, 3])
    })

    test('RX-29 another split goes on behind what all shards have handled, also when one of them never began', async () => {
      const tab = openTab()
      await appendMany(tab, 40)
      const got: Placed[] = []
      const run = (shard: object | undefined) =>
        subscribe(tab.log, { name: 'n', to: 'head', ...(shard && { shard: shard as { index: 0; of: 2 } }) }, (event) =>
          got.push(event),
        ).ended
      await run({ index: 0, of: 2 })
      await run(undefined)
      expect(new Set(positions(got)).size).toBe(40)
      got.length = 0
      await append(tab, '41')
      await run({ index: 0, of: 2 })
      await run({ index: 1, of: 2 })
      expect(positions(got)).toEqual([41])
    })

    test('RX-29 a reset is one of all shards, and each begins where it says', async () => {
      const tab = openTab()
      await appendMany(tab, 40)
      const run = async (index: number, reset?: number) => {
        const got: Placed[] = []
        const shard = { index, of: 2 }
        const own = subscribe(tab.log, { name: 'n', shard }, (event) => void got.push(event))
        await until(() => own.status.get().checkpoint === 40)
        const before = positions(got)
        if (reset !== undefined) {
          await own.reset(reset)
          await until(() => own.status.get().checkpoint === 40)
        }
        await own.stop()
        return before
      }
      const all = [await run(0), await run(1)]
      expect(all.flat().length).toBe(40)
      expect(await run(0, 30)).toEqual([])
      expect(await run(1)).toEqual(all[1]?.filter((position = 0) => position > 30))
      await checkpointOf(tab.log, 'n').reset(0)
      expect([await run(0), await run(1)]).toEqual(all)
    })

    test('AE-9 a pattern ends where it says', async () => {
      const tab = openTab()
      await append(tab, 'b/1', 'b2/2')
      const got: Placed[] = []
      await subscribe(tab.log, { stream: '*b', to: 'head' }, (event) => void got.push(event)).ended
      expect(positions(got)).toEqual([1])
    })

    test('RX-31 a runner waits longer with each failure, begins anew after one that got somewhere, and stops at once', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      let failsAt = 1
      let runs = 0
      const start = () => {
        runs++
        return subscribe(tab.log, { name: 'n' }, ({ position }) => {
          if (position === failsAt) throw new Error('no')
        })
      }
      const runner = keepRunning(tab.log, start, { retryMs: 1_000, retryMsMax: 60_000 })
      await until(() => runner.failures() === 1)
      await browser().pass(1_100)
      await until(() => runner.failures() === 2)
      failsAt = 2
      await browser().pass(2_100)
      await until(() => runs === 3)
      await until(() => runner.failures() === 1)
      let isOver = false
      void runner.stop().then(() => {
        isOver = true
      })
      await until(() => isOver)
      expect(await runner.ended).toMatchObject({ reason: 'failed' })
      await browser().pass(5_000)
      expect(runs).toBe(3)
      failsAt = 0
      const second = keepRunning(tab.log, start)
      await until(() => second.current()?.status.get().state === 'live')
      expect(await second.stop()).toEqual({ reason: 'stopped' })
      expect(runs).toBe(4)
      const third = keepRunning(tab.log, start)
      await until(() => third.current()?.status.get().state === 'live')
      await tab.log.close()
      expect(await third.ended).toEqual({ reason: 'closed' })
    })

    test('RX-14 who watches the consumers of a tab is told of those that came later, too', async () => {
      const tab = openTab()
      const all = consumersOf(tab.log)
      const told: (readonly string[])[] = []
      const stop = all.subscribe(() => told.push(all.get().map(({ name, state }) => `${name} ${state}`)))
      const run = subscribe(tab.log, { name: 'n' }, () => {})
      await until(() => told.some(([one]) => one === 'n live'))
      await run.stop()
      await until(() => told.at(-1)?.length === 0)
      stop()
      const { length } = told
      await subscribe(tab.log, { to: 'head' }, () => {}).ended
      expect(told).toHaveLength(length)
    })

    test('RX-25 the head of a consumer is where its tab was in the turn of the subscription', async () => {
      const tab = openTab()
      await append(tab, '1')
      const holder = subscribe(
        tab.log,
        { name: 'n', to: 'head', checkpoint: { store: nowhere } },
        () => new Promise(() => {}),
      )
      await until(() => holder.status.get().active === 1)
      const got: Placed[] = []
      // It has to wait for its turn, and begins where it was all the same.
      const run = subscribe(tab.log, { name: 'n', from: 'head' }, (event) => void got.push(event))
      await quiet()
      await append(tab, '2', '3')
      void holder.stop()
      await browser().pass(9_000)
      await until(isLive(run))
      expect(positions(got)).toEqual([2, 3])
    })
  })

  describe('a page', () => {
    const { openTab } = useBrowser()
    afterEach(() => vi.unstubAllGlobals())

    test('that is frozen or left lets go of its consumers, until it is resumed or shown', async () => {
      const tab = openTab()
      const page = typeof document === 'undefined' ? newPage() : window
      const run = subscribe(tab.log, { name: 'n' }, () => {})
      await until(() => run.status.get().state === 'live')
      for (const [gone, back] of [
        ['freeze', 'resume'],
        ['pagehide', 'pageshow'],
      ] as const) {
        page.dispatchEvent(new Event(gone))
        await until(() => run.status.get().state === 'suspended')
        page.dispatchEvent(new Event(back))
        await until(() => run.status.get().state === 'live')
      }
      await run.stop()
      page.dispatchEvent(new Event('freeze'))
      expect(run.status.get().state).toBe('ended')
    })
  })

  describe('a follower of pending commits', () => {
    const { openTab } = useBrowser()
    const follow = async (tab: ReturnType<typeof openTab>) => {
      const stage = stageOf(tab)
      const told: string[] = []
      const follower = stage.followPending(({ status, events }) => void told.push(`${status} ${positions(events)}`))
      await quiet()
      return { stage, told, follower }
    }

    test('looks at the disk when notices may have got lost', async () => {
      const [tab, writer] = [openTab(), openTab()]
      await append(tab, '1')
      const { stage, told } = await follow(tab)
      await append(tab, '2')
      await until(() => told.length === 1)
      await writer.log.ready
      tab.deafen(true)
      await append(writer, '3')
      await quiet()
      stage.tell()
      await until(() => told.length === 2)
      expect(told).toEqual(['confirmed 2', 'confirmed 3'])
    })

    test('is told of all of many at once, and of nothing after it was stopped or aborted', async () => {
      const tab = openTab()
      const { stage, told, follower } = await follow(tab)
      stage.deafen(true)
      for (let nth = 0; nth < 5; nth++) await appendMany(tab, 500)
      await append(tab, '2501')
      await quiet()
      // One sign for all of it.
      stage.tell()
      await until(() => told.at(-1) === 'confirmed 2501')
      expect(told.join(' ').match(/\d+/g)).toHaveLength(2_501)
      stage.deafen(false)
      const { length } = told
      const stopped = follower.stop()
      await append(tab, '2502')
      expect(await stopped).toEqual({ reason: 'stopped' })
      const abort = new AbortController()
      const other = subscribe(tab.log, { pending: true, signal: abort.signal }, () => {})
      await quiet()
      abort.abort()
      expect(await other.ended).toEqual({ reason: 'aborted' })
      await quiet()
      expect(told).toHaveLength(length)
    })

    test('is told what stands in the place of what was decided again and still waits', async () => {
      const tab = openTab()
      const stage = stageOf(tab)
      let waits: readonly string[] = []
      stage.alter((answer) => ({ ...answer, pendingIs: 'all', pending: JSON.stringify(waits.map(placedOf)) }))
      const told: string[] = []
      stage.followPending(({ status, events, ...change }) => {
        const before = 'before' in change ? `${change.before.map(({ id }) => id)} by ` : ''
        told.push(`${status} ${before}${events.map(({ id }) => id)}`)
      })
      const steps = [['a', 'b'], ['a2', 'b'], ['a2', 'b'], ['a2']] as const
      for (const step of steps) {
        waits = step
        stage.tell()
        await quiet()
      }
      expect(told).toEqual(['pending a', 'pending b', 'replaced a by a2', 'withdrawn b'])
    })

    test('is told nothing of what comes behind its own stop', async () => {
      const tab = openTab()
      const stage = stageOf(tab)
      const told: string[] = []
      const follower = stage.followPending(({ status }) => {
        told.push(status)
        void follower.stop()
      })
      await quiet()
      stage.deafen(true)
      await append(tab, '1', '2', '3')
      stage.tell()
      expect(await follower.ended).toEqual({ reason: 'stopped' })
      expect(told).toEqual(['confirmed'])
    })

    test('ends with the reason why', async () => {
      const tab = openTab()
      const broken = subscribe(tab.log, { pending: true }, () => {
        throw new Error('no')
      })
      await quiet()
      await append(tab, '1')
      expect(await broken.ended).toMatchObject({ reason: 'failed', error: { message: 'no' } })
      const closed = subscribe(tab.log, { pending: true }, () => {})
      await quiet()
      await tab.log.close()
      expect(await closed.ended).toEqual({ reason: 'closed' })
    })
  })
}
/** A pending event; its first letter is its commit. */
const placedOf = (id: string) => ({
  type: 'ItemAdded',
  stream: 'cart-c',
  data: { cartId: 'c', itemId: id, productId: 'p', price: 1, fingerprint: '' },
  v: 2,
  id,
  commitId: id[0],
  version: 1,
  time: new Date().toISOString(),
})
const nowhere = { get: async () => undefined, set: async () => {} }

/** What a page of a browser tells its scripts, where there is none. */
function newPage(): EventTarget {
  const page = new EventTarget()
  vi.stubGlobal('document', { hidden: false })
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  return page
}
