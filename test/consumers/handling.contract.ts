// What becomes of events between the log and the handler.
import { defineEvents, defineLog, event, isTidelogError, type, unwrap } from 'tidelog'
import { checkpointOf, consumersOf, inspect, listFailures, ReplayError, subscribe } from 'tidelog/subscribe'
import { describe, expect, test } from 'vitest'
import { storageLost, until } from './harness.ts'
import { append, appendMany, newGate, type Placed, positions, upTo, useBrowser } from './shop-tab.ts'

const shelfBefore = defineLog({ name: 'shelf', events: defineEvents({ Put: event(type<{ id: string }>()) }) })
const shelf = defineLog({
  name: 'shelf',
  events: defineEvents({
    Put: event(type<{ id: string; count: number }>(), {
      version: 2,
      upcast: {
        1: (data: { id: string }) => {
          if (data.id === '2') throw new Error('no count for it')
          return { ...data, count: 1 }
        },
      },
    }),
  }),
})

/** Fails at these positions, as often as it says. */
const failing = (got: Placed[], at: readonly number[], times = Infinity) => {
  const left = new Map(at.map((position) => [position, times]))
  return (event: Placed) => {
    const more = left.get(event.position as number) ?? 0
    left.set(event.position as number, more - 1)
    if (more > 0) throw new Error(`no to ${event.position}`)
    got.push(event)
  }
}

export function describeHandling(): void {
  describe('the handling of events', () => {
    const { openTab, browser } = useBrowser()

    test('RX-10 passes over what types and filters do not want: counted, and the checkpoint moves', async () => {
      const tab = openTab()
      await append(tab, 'a/1', 'b/2', 'a/3')
      const got: Placed[] = []
      const filter = ({ stream }: { stream: string }) => stream !== 'cart-a'
      const one = subscribe(tab.log, { name: 'n', to: 'head', filter }, (event) => void got.push(event))
      await one.ended
      expect(positions(got)).toEqual([2])
      expect(one.status.get()).toMatchObject({ processed: 1, skipped: 2, position: 3, checkpoint: 3 })
      const broken = subscribe(
        tab.log,
        {
          filter: () => {
            throw new Error('predicate')
          },
        },
        () => {},
      )
      const end = await broken.ended
      expect(end.reason === 'failed' && isTidelogError(end.error, 'tidelog/filter')).toBe(true)
    })

    test('RX-12 a recover function may take an error for handled', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const got: Placed[] = []
      const seen: string[] = []
      const recover = (error: unknown) => {
        seen.push((error as Error).message)
        return true
      }
      const options = { name: 'n', to: 'head', onError: { recover } } as const
      const run = subscribe(tab.log, options, failing(got, [2]))
      expect(await run.ended).toEqual({ reason: 'head-reached' })
      expect(positions(got)).toEqual([1, 3])
      expect(seen).toEqual(['no to 2'])
      expect(run.failures.get()).toEqual([])
    })

    test('RX-20 failures are recorded once for each event, listed, watched, retried in order and discarded', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3', '4', '5')
      const got: Placed[] = []
      const onError = { retry: 1, retryMs: 10, giveUp: 'park' } as const
      const run = subscribe(tab.log, { name: 'n', onError }, failing(got, [2, 4], 3))
      let told = 0
      run.failures.subscribe(() => told++)
      await browser().pass(20)
      await browser().pass(20)
      await until(() => got.length === 3)
      const failure = { consumer: 'n', status: 'parked', attempts: 2, type: 'ItemAdded', stream: 'cart-c' }
      const parked = [
        { ...failure, position: 2, message: 'no to 2' },
        { ...failure, position: 4, message: 'no to 4' },
      ]
      expect(run.failures.get()).toMatchObject(parked)
      expect(told).toBeGreaterThan(0)
      expect(await listFailures(openTab().log, 'n')).toMatchObject(parked)
      expect(run.status.get()).toMatchObject({ parked: 2, alerts: ['parked'] })
      expect(await run.failures.retry()).toBe(0)
      expect(run.failures.get()).toMatchObject([{ attempts: 3 }, { attempts: 3 }])
      expect(await run.failures.retry(2)).toBe(1)
      expect(positions(got)).toEqual([1, 3, 5, 2])
      expect(await run.failures.discard()).toBe(1)
      expect(run.failures.get()).toEqual([])
      expect(await listFailures(tab.log)).toEqual([])
    })

    test('RX-20 a failure that stopped the consumer is known to the next run, and gone when it goes well', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const handler = failing([], [2], 2)
      await subscribe(tab.log, { name: 'n' }, handler).ended
      expect(await listFailures(tab.log, 'n')).toMatchObject([{ position: 2, status: 'stopped', attempts: 1 }])
      await subscribe(tab.log, { name: 'n' }, handler).ended
      expect(await listFailures(tab.log, 'n')).toMatchObject([{ position: 2, status: 'stopped', attempts: 2 }])
      await subscribe(tab.log, { name: 'n', to: 'head' }, handler).ended
      expect(await listFailures(tab.log, 'n')).toEqual([])
    })

    test('RX-21 with manual acknowledgement an event is handled when the handler says so', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const acks: (() => void)[] = []
      const run = subscribe(tab.log, { name: 'n', ack: 'manual' }, (_event, { ack }) => void acks.push(ack))
      await until(() => acks.length === 3)
      expect(run.status.get()).toMatchObject({ position: 0, active: 3, processed: 0 })
      acks[1]?.()
      acks[0]?.()
      await until(() => run.status.get().position === 2)
      expect(await run.stop()).toEqual({ reason: 'stopped' })
      expect(await checkpointOf(tab.log, 'n').get()).toBe(2)
    })

    test('RX-23 hands on batches by length and by time, and a failed one as a whole again', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3', '4', '5')
      const got: (readonly (number | undefined)[])[] = []
      let fails = 1
      const options = { batch: { events: 3, ms: 1_000 }, onError: { retry: 2, retryMs: 10 } } as const
      subscribe(tab.log, options, (batch) => {
        got.push(positions(batch))
        if (batch.length === 3 && fails-- > 0) throw new Error('once')
      })
      await until(() => got.length === 1)
      await browser().pass(20)
      await until(() => got.length === 2)
      expect(got).toEqual([
        [1, 2, 3],
        [1, 2, 3],
      ])
      await browser().pass(1_100)
      await until(() => got.length === 3)
      expect(got.at(-1)).toEqual([4, 5])
      await append(tab, '6', '7', '8')
      await until(() => got.length === 4)
      expect(got.at(-1)).toEqual([6, 7, 8])
    })

    test('RX-24 tries again so often, with back-off, then does what it was told', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const attempts: number[] = []
      const onError = { retry: 3, retryMs: 100 }
      const run = subscribe(tab.log, { onError }, (event, { attempt }) => {
        if (event.position !== 1) return
        attempts.push(attempt)
        throw new Error('always')
      })
      await until(() => attempts.length === 1)
      await browser().pass(110)
      expect(attempts).toEqual([1, 2])
      await browser().pass(90)
      expect(attempts).toEqual([1, 2])
      await browser().pass(120)
      await browser().pass(410)
      expect(await run.ended).toMatchObject({ reason: 'failed', error: { message: 'always' } })
      expect(attempts).toEqual([1, 2, 3, 4])
    })

    test('RX-26 handles several at a time, those of a stream in order, and keeps the lowest watermark', async () => {
      const tab = openTab()
      await append(tab, 'a/1', 'b/2', 'c/3', 'a/4')
      const gates = new Map(upTo(4).map((position) => [position, newGate()]))
      const begun: (number | undefined)[] = []
      const run = subscribe(tab.log, { name: 'n', concurrency: 4, checkpoint: { events: 1 } }, async ({ position }) => {
        begun.push(position)
        await gates.get(position as number)?.opened
      })
      await until(() => begun.length === 3)
      expect(begun).toEqual([1, 2, 3])
      gates.get(2)?.open()
      gates.get(3)?.open()
      await until(() => run.status.get().processed === 2)
      expect(await checkpointOf(tab.log, 'n').get()).toBeUndefined()
      gates.get(1)?.open()
      await until(() => begun.length === 4)
      await until(() => run.status.get().checkpoint === 3)
      gates.get(4)?.open()
      await until(() => run.status.get().checkpoint === 4)
    })

    test('RX-28 goes on when it could park, and stops with the first error when it could not', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const got: Placed[] = []
      const options = { name: 'n', to: 'head', onError: { giveUp: 'park' } } as const
      tab.refuseToKeep(storageLost())
      const end = await subscribe(tab.log, options, failing(got, [2])).ended
      expect(end).toMatchObject({ reason: 'failed', error: { message: 'no to 2' } })
      tab.refuseToKeep(undefined)
      expect(await subscribe(tab.log, options, failing(got, [2])).ended).toEqual({ reason: 'head-reached' })
      expect(positions(got)).toEqual([1, 1, 3])
    })

    test('RX-28 holds back the later events of a parked one’s stream where it was told to', async () => {
      const tab = openTab()
      await append(tab, 'a/1', 'b/2', 'a/3', 'b/4')
      const got: Placed[] = []
      const onError = { giveUp: 'park', holdStream: true } as const
      const run = subscribe(tab.log, { name: 'n', onError }, failing(got, [1], 1))
      await until(() => got.length === 2)
      expect(positions(got)).toEqual([2, 4])
      expect(run.failures.get().map(({ position, status }) => [position, status])).toEqual([
        [1, 'parked'],
        [3, 'held'],
      ])
      expect(await run.failures.retry()).toBe(2)
      expect(positions(got)).toEqual([2, 4, 1, 3])
      await append(tab, 'a/5')
      await until(() => got.length === 5)
    })

    test('RX-29 splits the events among shards, and another split loses none', async () => {
      const tab = openTab()
      await appendMany(tab, 40)
      const got = new Set<number | undefined>()
      const run = async (index: number, of: number, stopAfter = Infinity) => {
        let count = 0
        const own: (number | undefined)[] = []
        const abort = new AbortController()
        const options = { name: 'n', to: 'head', shard: { index, of }, signal: abort.signal } as const
        await subscribe(tab.log, options, ({ position }) => {
          own.push(position)
          got.add(position)
          if (++count === stopAfter) abort.abort()
        }).ended
        return own
      }
      const first = await run(0, 2)
      const second = await run(1, 2, 5)
      expect(first.filter((position) => second.includes(position))).toEqual([])
      // Three from now on: nothing that the second of two had not come to is lost.
      await appendMany(tab, 20)
      for (const index of [0, 1, 2]) await run(index, 3)
      expect(got.size).toBe(60)
      got.clear()
      await appendMany(tab, 10)
      // And back: what three have handled is not handled again.
      for (const index of [0, 1]) await run(index, 2)
      expect([...got].sort((a = 0, b = 0) => a - b)).toEqual(upTo(70, 61))
    })

    test('RX-9 says how far behind it is, whether it does anything, and when to look', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const gate = newGate()
      const alerts = { lagMs: 60_000, inactiveMs: 180_000 }
      const run = subscribe(tab.log, { name: 'n', alerts }, () => gate.opened)
      await until(() => run.status.get().active === 1)
      expect(run.status.get()).toMatchObject({ lag: { events: 3 }, alerts: [] })
      await browser().pass(61_000)
      expect(run.status.get()).toMatchObject({ alerts: ['lag'] })
      gate.open()
      await until(() => run.status.get().processed === 3)
      expect(run.status.get()).toMatchObject({ lag: { events: 0, ms: 0 }, alerts: [] })
      await browser().pass(181_000)
      expect(run.status.get().alerts).toEqual(['inactive'])
      const quiet = subscribe(tab.log, { alerts: { lagMs: 1, inactiveMs: false } }, () => {})
      await browser().pass(200_000)
      expect(quiet.status.get().alerts).toEqual([])
    })

    test('RX-14 counts what was handled, passed over and failed, and how long it took', async () => {
      const tab = openTab()
      await append(tab, 'a/1', 'b/2', 'a/3')
      const own = consumersOf(tab.log)
      const options = { name: 'n', stream: 'cart-*', onError: { retry: 1, retryMs: 1 } } as const
      const handle = failing([], [2], 1)
      const run = subscribe(tab.log, { ...options, filter: ({ position }) => position !== 1 }, handle)
      await browser().pass(10)
      await until(() => run.status.get().processed === 2)
      const status = { name: 'n', state: 'live', processed: 2, skipped: 1, failed: 1, active: 0, parked: 0 }
      expect(run.status.get()).toMatchObject(status)
      expect(run.status.get().latency).toMatchObject({ handlerMs: expect.any(Number), totalMs: expect.any(Number) })
      expect(own.get()).toMatchObject([status])
      expect(await inspect(tab.log)).toMatchObject({ consumers: [status], failures: [], confirmed: 3, pending: 0 })
      await run.stop()
      expect(own.get()).toEqual([])
    })

    test('AE-5 an event that can’t be decoded is reported with what is stored, and the rest goes on', async () => {
      const { log: before } = browser().openTab(shelfBefore)
      for (const id of ['1', '2', '3']) unwrap(await before.append('shelf', [shelfBefore.events.Put({ id })]))
      const got: Placed[] = []
      const errors: unknown[] = []
      const recover = (error: unknown) => {
        errors.push(error)
        return false
      }
      const options = { name: 'n', onError: { giveUp: 'park', recover } } as const
      const run = subscribe(browser().openTab(shelf).log, options, (put) => void got.push(put))
      await until(() => run.status.get().position === 3)
      expect(positions(got)).toEqual([1, 3])
      const [error] = errors as [ReplayError]
      expect(error).toBeInstanceOf(ReplayError)
      expect(error).toMatchObject({ code: 'tidelog/data', position: 2, raw: { type: 'Put', data: { id: '2' } } })
      expect(error.cause).toBeDefined()
      expect(run.failures.get()).toMatchObject([{ position: 2, status: 'parked' }])
    })

    test('a handler that hangs is a failed try, and its signal says so', async () => {
      const tab = openTab()
      await append(tab, '1')
      let aborted: AbortSignal | undefined
      const run = subscribe(tab.log, { timeoutMs: 500 }, (_event, { signal }) => {
        aborted = signal
        return new Promise(() => {})
      })
      await until(() => aborted !== undefined)
      await browser().pass(600)
      const end = await run.ended
      expect(end.reason === 'failed' && isTidelogError(end.error, 'tidelog/timeout')).toBe(true)
      expect(aborted?.aborted).toBe(true)
    })

    test('a handler that hangs does not keep its consumer from being stopped', async () => {
      const tab = openTab()
      await append(tab, '1')
      const run = subscribe(tab.log, {}, () => new Promise(() => {}))
      await until(() => run.status.get().active === 1)
      const stopped = run.stop()
      await browser().pass(6_000)
      expect(await stopped).toEqual({ reason: 'stopped' })
    })
  })
}
