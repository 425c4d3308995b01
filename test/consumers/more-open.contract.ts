// Where runs, shards, batches and retries cross: what consumers once got wrong.
import { isTidelogError, unwrap } from 'tidelog'
import { checkpointOf, type HandlerContext, subscribe } from 'tidelog/subscribe'
import { describe, expect, test } from 'vitest'
import { quiet, until } from './harness.ts'
import { isRound, stageOf } from './more-stage.ts'
import { added, append, appendMany, newGate, type Placed, positions, useBrowser } from './shop-tab.ts'

export function describeOpen(): void {
  describe('a consumer where things cross', () => {
    const { openTab, browser } = useBrowser()

    test('one that joins while an answer for those before it is on its way is not given what does not follow', async () => {
      const tab = openTab()
      await append(tab, '1')
      const stage = stageOf(tab)
      const first = stage.follow()
      await until(() => first.subscription.status.get().state === 'live')
      const held = stage.hold(isRound)
      await append(tab, '2')
      await until(held.isThere)
      await first.subscription.stop()
      const second = stage.follow()
      await until(() => second.got.length === 2)
      await until(() => second.subscription.status.get().state === 'live')
      held.letGo()
      await quiet()
      expect(second.subscription.status.get().state).toBe('live')
      await append(tab, '3')
      await until(() => second.got.length === 3)
    })

    test('each shard of a consumer that begins at the head begins there', async () => {
      const tab = openTab()
      await appendMany(tab, 40)
      const got: Placed[] = []
      for (const index of [0, 1]) {
        const options = { name: 'n', from: 'head', to: 'head', shard: { index, of: 2 } } as const
        await subscribe(tab.log, options, (event) => void got.push(event)).ended
      }
      expect(positions(got)).toEqual([])
      await append(tab, '41')
      // Of another split, too, although none of this one has come to the last.
      const options = { name: 'n', to: 'head', shard: { index: 0, of: 1 } } as const
      await subscribe(tab.log, options, (event) => void got.push(event)).ended
      expect(positions(got)).toEqual([41])
    })

    test('a consumer that begins at the head of an empty log keeps that before its first event', async () => {
      const tab = openTab()
      const gate = newGate()
      const run = subscribe(tab.log, { name: 'n', from: 'head' }, () => gate.opened)
      await until(() => run.status.get().state === 'live')
      await append(tab, '1')
      await until(() => run.status.get().active === 1)
      // The tab dies here.
      expect(await checkpointOf(openTab().log, 'n').get()).toBe(0)
      gate.open()
    })

    test('shards do not take each other’s state', async () => {
      const tab = openTab()
      await appendMany(tab, 40)
      const sums: number[] = []
      const counts: number[] = []
      const count = async (index: number) => {
        let own = 0
        const options = { name: 'n', to: 'head', shard: { index, of: 2 }, checkpoint: { events: 1 } } as const
        const ending = await subscribe(tab.log, options, async (_event, { state }) => {
          const sum = (((await state.get('sum')) as number | undefined) ?? 0) + 1
          state.set('sum', sum)
          sums[index] = sum
          own++
        }).ended
        counts[index] = own
        return ending
      }
      const endings = [await count(0), await count(1)]
      // Or it is refused.
      const isRefused = endings.every((end) => end.reason === 'failed' && isTidelogError(end.error, 'tidelog/argument'))
      expect(isRefused || sums).toEqual(isRefused || counts)
    })

    test('batches side by side keep the order of each stream', async () => {
      const tab = openTab()
      await append(tab, 'a/1', 'b/2', 'a/3', 'c/4')
      const gate = newGate()
      const begun: (readonly (number | undefined)[])[] = []
      subscribe(tab.log, { concurrency: 2, batch: { events: 2 } }, (batch) => {
        begun.push(positions(batch))
        return gate.opened
      })
      await until(() => begun.length > 0)
      await quiet()
      expect(begun).toEqual([[1, 2]])
      gate.open()
      await until(() => begun.length === 2)
    })

    test('a batch with an event of a parked one’s stream holds back that one and no other', async () => {
      const tab = openTab()
      await append(tab, 'a/1')
      const got: Placed[] = []
      let fails = true
      const options = { name: 'n', batch: { events: 2 }, onError: { giveUp: 'park', holdStream: true } } as const
      const run = subscribe(tab.log, options, (batch) => {
        if (fails) throw new Error('no')
        got.push(...batch)
      })
      await until(() => run.failures.get().length === 1)
      fails = false
      unwrap(await tab.log.append([added('2', 'a'), added('3', 'b')]))
      unwrap(await tab.log.append([added('4', 'b'), added('5', 'a')]))
      await until(() => run.status.get().position === 5)
      expect(positions(got)).toEqual([3, 4])
      expect(run.failures.get().map(({ position, status }) => [position, status])).toEqual([
        [1, 'parked'],
        [2, 'held'],
        [5, 'held'],
      ])
    })

    test('a retry that fails holds back the later ones of its stream', async () => {
      const tab = openTab()
      await append(tab, 'a/1', 'a/2', 'b/3', 'b/4')
      const got: Placed[] = []
      const onError = { giveUp: 'park', holdStream: true } as const
      const left = new Map<number | undefined, number>([
        [1, 2],
        [3, 1],
      ])
      const run = subscribe(tab.log, { name: 'n', onError }, (event) => {
        const more = left.get(event.position) ?? 0
        left.set(event.position, more - 1)
        if (more > 0) throw new Error('no')
        got.push(event)
      })
      await until(() => run.failures.get().length === 4)
      expect(await run.failures.retry()).toBe(2)
      expect(positions(got)).toEqual([3, 4])
      expect(await run.failures.retry()).toBe(2)
      expect(positions(got)).toEqual([3, 4, 1, 2])
    })

    test('a retry that comes too late is refused, not left open', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const gate = newGate()
      const run = subscribe(tab.log, { name: 'n', onError: { giveUp: 'park' } }, ({ position }) => {
        if (position === 1) throw new Error('no')
        return gate.opened
      })
      await until(() => run.status.get().active === 1 && run.status.get().position === 1)
      const stopped = run.stop()
      await quiet()
      const settled: string[] = []
      run.failures.retry().then(
        () => settled.push('done'),
        () => settled.push('refused'),
      )
      gate.open()
      await stopped
      await quiet()
      expect(settled).toEqual(['refused'])
    })

    test('a retry that hangs does not keep its consumer from being stopped', async () => {
      const tab = openTab()
      await append(tab, '1')
      let hangs = false
      const run = subscribe(tab.log, { name: 'n', onError: { giveUp: 'park' } }, () => {
        if (hangs) return new Promise(() => {})
        throw new Error('no')
      })
      await until(() => run.failures.get().length === 1 && run.status.get().state === 'live')
      hangs = true
      void run.failures.retry().catch(() => {})
      await quiet()
      let isOver = false
      void run.stop().then(() => {
        isOver = true
      })
      await browser().pass(6_000)
      expect(isOver).toBe(true)
    })

    test('a tab that was left and is back before its run had begun does not run beside the one that took its place', async () => {
      const [stage, other] = [stageOf(openTab()), openTab()]
      await append(other, '1')
      const gate = newGate()
      const got: string[] = []
      let resets = 0
      const handler = {
        reset: () => (resets++ === 0 ? gate.opened : undefined),
        handle: ({ position }: Placed) => void got.push(`first ${position}`),
      }
      const first = stage.subscribe({ name: 'n' }, handler)
      await until(() => resets === 1)
      stage.leave()
      const second = subscribe(other.log, { name: 'n' }, ({ position }) => void got.push(`second ${position}`))
      await until(() => second.status.get().state === 'live')
      stage.comeBack()
      gate.open()
      await quiet()
      await append(other, '2')
      await until(() => got.length >= 2)
      await quiet()
      expect(got).toEqual(['second 1', 'second 2'])
      expect(first.status.get().state).toBe('waiting')
    })

    test('a follower of pending commits is not put off by a notice that comes late', async () => {
      const [tab, writer] = [openTab(), openTab()]
      await append(tab, '1')
      const stage = stageOf(tab)
      const told: string[] = []
      stage.followPending(({ status, events }) => void told.push(`${status} ${positions(events)}`))
      await quiet()
      await writer.log.ready
      tab.deafen(true)
      await append(writer, '2')
      await quiet()
      const { head, database, confirmed } = await headOf(writer)
      stage.tell({ database, head, confirmed })
      stage.tell({ database, head: head - 1, confirmed: confirmed - 1 })
      await quiet()
      expect(told).toEqual(['confirmed 2'])
    })

    test('a follower of pending commits is told of a commit as a whole', async () => {
      const tab = openTab()
      const stage = stageOf(tab)
      const told: string[] = []
      stage.followPending(({ status, events }) => void told.push(`${status} ${events.length}`))
      await quiet()
      stage.deafen(true)
      for (let nth = 0; nth < 3; nth++) await appendMany(tab, 900)
      await quiet()
      told.length = 0
      stage.deafen(false)
      await append(tab, '1')
      await until(() => told.at(-1) === 'confirmed 1')
      expect(told).toEqual(['confirmed 900', 'confirmed 900', 'confirmed 900', 'confirmed 1'])
    })

    test('a quiet log is no lag: the first event after hours raises no alert', async () => {
      const tab = openTab()
      await append(tab, '1')
      const gate = newGate()
      const run = subscribe(tab.log, {}, ({ position }) => (position === 2 ? gate.opened : undefined))
      await until(() => run.status.get().processed === 1)
      await browser().pass(2 * 3_600_000)
      await append(tab, '2')
      await until(() => run.status.get().active === 1)
      expect(run.status.get()).toMatchObject({ lag: { events: 1 }, alerts: [] })
      gate.open()
    })

    test('state beside a checkpoint of the user’s own is refused, not lost', async () => {
      const tab = openTab()
      await append(tab, '1')
      const store = { get: async () => undefined, set: async () => {} }
      const set = (_event: unknown, { state }: HandlerContext) => state.set('sum', 1)
      const { ended } = subscribe(tab.log, { name: 'n', to: 'head', checkpoint: { store } }, set)
      expect(await ended).toMatchObject({ reason: 'failed', error: { code: 'tidelog/argument' } })
    })

    test('what may have been missed while the first answer is on its way is looked for', async () => {
      const [tab, writer] = [openTab(), openTab()]
      await append(tab, '1')
      const stage = stageOf(tab)
      const held = stage.hold(() => true)
      const { got, subscription } = stage.follow()
      await until(held.isThere)
      tab.deafen(true)
      await append(writer, '2')
      await quiet()
      stage.tell()
      held.letGo()
      await until(() => subscription.status.get().state === 'live')
      await quiet()
      expect(positions(got)).toEqual([1, 2])
    })

    test('a handler is told of the end, and the first error is kept, also when the checkpoint can not be flushed', async () => {
      const tab = openTab()
      await append(tab, '1')
      let stops = 0
      const store = {
        get: async () => undefined,
        set: async () => {},
        flush: () => Promise.reject(new Error('flush')),
      }
      const handler = {
        handle: () => Promise.reject(new Error('first')),
        stop: () => stops++,
      }
      const { ended } = subscribe(tab.log, { name: 'n', checkpoint: { store } }, handler)
      expect(await ended).toMatchObject({ reason: 'failed', error: { message: 'first' } })
      expect(stops).toBe(1)
    })

    test('TS-5 looks after a minute also when the clock was set back', async () => {
      const [tab, writer] = [openTab(), openTab()]
      const stage = stageOf(tab)
      const first = stage.follow()
      await until(() => first.subscription.status.get().state === 'live')
      await writer.log.ready
      tab.deafen(true)
      await browser().pass(30_000)
      stage.setBack(3_600_000)
      await append(writer, '1')
      // The look that was due tells that the clock is wrong.
      for (let minute = 0; minute < 3 && first.got.length === 0; minute++) await browser().pass(60_000)
      expect(positions(first.got)).toEqual([1])
    })
  })
}
async function headOf(tab: ReturnType<ReturnType<typeof useBrowser>['openTab']>) {
  const { marker } = await tab.log.logHead()
  return { head: marker.revision, database: marker.database, confirmed: marker.confirmed }
}
