// What becomes of events that fail, wait, or are handled side by side: the finer points.
import { unwrap } from 'tidelog'
import { checkpointOf, listFailures, subscribe } from 'tidelog/subscribe'
import { describe, expect, test } from 'vitest'
import { quiet, storageLost, turn, until } from './harness.ts'
import { putsIn, type StateOf, shelf, shelfAfter, stageOf } from './more-stage.ts'
import { append, appendMany, newGate, type Placed, positions, type ShopTab, upTo, useBrowser } from './shop-tab.ts'

const throwNo = (): never => {
  throw new Error('no')
}
const isCheckpoint = putsIn('consumer/')
const saves = (tab: ShopTab) => tab.kept.filter(isCheckpoint)

export function describeFailing(): void {
  describe('the handling of events, in detail', () => {
    const { openTab, browser } = useBrowser()

    test('RX-14 what was skipped after it failed counts as failed and not as processed', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const options = { to: 'head', onError: { giveUp: 'skip', retry: 1, retryMs: 1 } } as const
      const listed: number[] = []
      const run = subscribe(tab.log, options, ({ position }) => (position === 2 ? throwNo() : undefined))
      run.failures.subscribe(() => listed.push(run.failures.get().length))
      await browser().pass(5)
      await run.ended
      expect(run.status.get()).toMatchObject({ processed: 2, failed: 2, position: 3, parked: 0 })
      expect(listed).toEqual([])
    })

    test('RX-14 a batch counts as all of its events', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const run = subscribe(tab.log, { to: 'head', batch: { events: 2 } }, () => {})
      await run.ended
      expect(run.status.get()).toMatchObject({ processed: 3 })
    })

    test('RX-14 the latency runs from the append to the end of the handling', async () => {
      const tab = openTab()
      await append(tab, '1')
      await browser().pass(5_000)
      const gate = newGate()
      const run = subscribe(tab.log, {}, () => gate.opened)
      await until(() => run.status.get().active === 1)
      await browser().pass(2_000)
      gate.open()
      await until(() => run.status.get().processed === 1)
      const { handlerMs = 0, totalMs = 0 } = run.status.get().latency ?? {}
      expect(handlerMs).toBeGreaterThanOrEqual(2_000)
      expect(totalMs).toBeGreaterThanOrEqual(6_000)
    })

    test('RX-9 a failure is an alert, and a status shows what time changed', async () => {
      const tab = openTab()
      await append(tab, '1')
      const failed = subscribe(tab.log, {}, throwNo)
      await failed.ended
      expect(failed.status.get()).toMatchObject({ state: 'ended', alerts: ['failed'] })
      const never = subscribe(tab.log, { alerts: false }, () => new Promise(() => {}))
      const gate = newGate()
      const run = subscribe(tab.log, {}, () => gate.opened)
      await until(() => run.status.get().active === 1 && never.status.get().active === 1)
      const { ms } = run.status.get().lag
      await browser().pass(2_000)
      expect(run.status.get().lag.ms).toBeGreaterThanOrEqual(ms + 2_000)
      expect(never.status.get().alerts).toEqual([])
      gate.open()
    })

    test('RX-9 a consumer that has run for long is no further behind than since what it handled last', async () => {
      const tab = openTab()
      const gate = newGate()
      const run = subscribe(tab.log, {}, ({ position }) => (position === 2 ? gate.opened : undefined))
      await until(() => run.status.get().state === 'live')
      await browser().pass(3_600_000)
      await append(tab, '1', '2')
      await until(() => run.status.get().processed === 1 && run.status.get().active === 1)
      await browser().pass(5_000)
      const { ms } = run.status.get().lag
      expect([ms >= 5_000, ms < 60_000]).toEqual([true, true])
      gate.open()
    })

    test('RX-24 the back-off grows up to its ceiling', async () => {
      const tab = openTab()
      await append(tab, '1')
      let attempts = 0
      subscribe(tab.log, { onError: { retry: 20, retryMs: 100, retryMsMax: 200 } }, () => {
        attempts++
        throwNo()
      })
      await until(() => attempts === 1)
      await browser().pass(2_500)
      expect(attempts).toBeGreaterThan(10)
    })

    test('RX-24 is not tried again once it is being stopped', async () => {
      const tab = openTab()
      await append(tab, '1')
      let attempts = 0
      const run = subscribe(tab.log, { name: 'n', onError: { retry: 3, retryMs: 1_000 } }, () => {
        attempts++
        throwNo()
      })
      await until(() => run.failures.get().length === 1)
      expect(await run.stop()).toEqual({ reason: 'stopped' })
      expect(attempts).toBe(1)
      expect(await listFailures(tab.log)).toEqual([])
    })

    test('RX-24 tries in between cost no write', async () => {
      const tab = openTab()
      await append(tab, '1')
      const attempts: number[] = []
      const options = { name: 'n', to: 'head', onError: { retry: 3, retryMs: 1, giveUp: 'park' } } as const
      const { ended } = subscribe(tab.log, options, (_event, { attempt }) => {
        attempts.push(attempt)
        throwNo()
      })
      await browser().pass(10)
      await ended
      expect(attempts).toEqual([1, 2, 3, 4])
      expect(tab.kept.filter(putsIn('failure/'))).toHaveLength(1)
    })

    test('what a handler throws because it was aborted is no failure', async () => {
      const tab = openTab()
      await append(tab, '1')
      const abort = new AbortController()
      let hasBegun = false
      const options = { name: 'n', signal: abort.signal, onError: { giveUp: 'park' } } as const
      const run = subscribe(tab.log, options, (_event, { signal }) => {
        hasBegun = true
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
      })
      await until(() => hasBegun)
      abort.abort()
      expect(await run.ended).toEqual({ reason: 'aborted' })
      expect(run.status.get()).toMatchObject({ failed: 0, parked: 0, position: 0 })
      expect(await listFailures(tab.log)).toEqual([])
    })

    test('a stop lets what is being handled come to its end, and keeps it', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const gate = newGate()
      let handling: AbortSignal | undefined
      const run = subscribe(tab.log, { name: 'n' }, async (_event, { signal }) => {
        handling = signal
        await gate.opened
      })
      await until(() => handling !== undefined)
      let isOver = false
      const stopped = run.stop().finally(() => {
        isOver = true
      })
      await quiet()
      expect(isOver).toBe(false)
      expect(handling?.aborted).toBe(false)
      gate.open()
      expect(await stopped).toEqual({ reason: 'stopped' })
      expect(await checkpointOf(tab.log, 'n').get()).toBe(1)
    })

    test('the key of an event is the same for each try, and another one for each consumer', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const keys: string[] = []
      for (const name of ['n', 'm']) {
        let fails = true
        const options = { name, to: 'head', onError: { retry: 1, retryMs: 1 } } as const
        const { ended } = subscribe(tab.log, options, (_event, { key }) => {
          keys.push(key)
          if (fails) {
            fails = false
            throwNo()
          }
        })
        await browser().pass(5)
        await ended
      }
      const [n1, n2, n3, m1, m2, m3] = keys
      expect([n1, m1]).toEqual([n2, m2])
      expect(new Set([n1, n3, m1, m3]).size).toBe(4)
    })

    test('RX-20 a record keeps the first time and the last, and a retry that fails is kept', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const run = subscribe(tab.log, { name: 'n', onError: { giveUp: 'park', holdStream: true } }, throwNo)
      let parked = 0
      run.status.subscribe(() => {
        parked = run.status.get().parked
      })
      await until(() => run.failures.get().length === 2 && parked === 2)
      expect(run.failures.get()).toMatchObject([{ attempts: 1 }, { attempts: 0, status: 'held' }])
      const [before] = run.failures.get()
      await browser().pass(5_000)
      expect(await run.failures.retry(1)).toBe(0)
      const [after] = await listFailures(openTab().log, 'n')
      expect(after).toMatchObject({ attempts: 2, status: 'parked', first: before?.first })
      expect(Date.parse(after?.last ?? '') - Date.parse(after?.first ?? '')).toBeGreaterThanOrEqual(5_000)
      expect(await listFailures(tab.log)).toHaveLength(2)
    })

    test('RX-20 the records of one consumer are not those of another whose name begins the same', async () => {
      const tab = openTab()
      await append(tab, '1')
      const options = { to: 'head', onError: { giveUp: 'park' } } as const
      await subscribe(tab.log, { ...options, name: 'n2' }, throwNo).ended
      const run = subscribe(tab.log, { ...options, name: 'n' }, () => {})
      await run.ended
      expect(run.failures.get()).toEqual([])
      expect(await listFailures(tab.log, 'n')).toEqual([])
      expect(await listFailures(tab.log)).toMatchObject([{ consumer: 'n2' }])
      expect(await checkpointOf(tab.log, 'n3').get()).toBeUndefined()
      expect(await checkpointOf(tab.log, '').get()).toBeUndefined()
    })

    test('RX-20 only what waits is retried, and nothing beside what is being handled', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const gates = [newGate(), newGate()]
      let fails = true
      const got: Placed[] = []
      const run = subscribe(tab.log, { name: 'n', onError: { giveUp: 'park' } }, async (event) => {
        if (event.position === 1 && fails) throwNo()
        if (event.position === 2) await gates[0]?.opened
        got.push(event)
      })
      await until(() => run.status.get().position === 1 && run.status.get().active === 1)
      fails = false
      expect(await listFailures(tab.log)).toHaveLength(1)
      const retried = run.failures.retry()
      await quiet()
      expect(got).toEqual([])
      gates[0]?.open()
      expect(await retried).toBe(1)
      expect(positions(got)).toEqual([2, 1])
      expect(await listFailures(tab.log)).toEqual([])
    })
  })

  describe('the handling of events, in more detail', () => {
    const { openTab, browser } = useBrowser()

    test('RX-20 an event that is being tried again is neither retried nor discarded from outside', async () => {
      const tab = openTab()
      await append(tab, '1')
      let attempts = 0
      const run = subscribe(tab.log, { name: 'n', onError: { retry: 5, retryMs: 60_000 } }, () => {
        attempts++
        throwNo()
      })
      await until(() => run.failures.get().length === 1)
      expect(run.failures.get()).toMatchObject([{ status: 'failing' }])
      expect(await run.failures.discard()).toBe(0)
      const retried = run.failures.retry()
      await run.stop()
      expect(await Promise.race([retried.catch(() => 0), quiet().then(() => 0)])).toBe(0)
      expect(attempts).toBe(1)
    })

    test('RX-28 a parked event is kept before it counts as handled', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const stage = stageOf(tab)
      stage.holdKeep(putsIn('failure/'), storageLost()).letGo()
      const run = stage.subscribe({ name: 'n', onError: { giveUp: 'park' } }, ({ position }) =>
        position === 2 ? throwNo() : undefined,
      )
      expect(await run.ended).toMatchObject({ reason: 'failed', error: { message: 'no' } })
      expect(await checkpointOf(tab.log, 'n').get()).toBe(1)
    })

    test('RX-28 beside a checkpoint of the user’s own a parked event is kept before that moves', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      let isFull = false
      const kept: number[] = []
      const store = {
        get: async () => undefined,
        set: async (_: string, position: number) => {
          if (isFull) throw new Error('full')
          kept.push(position)
        },
      }
      const options = { name: 'n', checkpoint: { store, events: 1 }, onError: { giveUp: 'park' } } as const
      const { ended } = subscribe(tab.log, options, () => {
        isFull = true
        throwNo()
      })
      expect(await ended).toMatchObject({ reason: 'failed' })
      expect(await listFailures(tab.log, 'n')).toMatchObject([{ position: 1 }])
      expect(kept).toEqual([])
    })

    test('RX-23 of a batch that fails only those are given up that fail alone', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3', '4')
      const got: (readonly (number | undefined)[])[] = []
      const options = { name: 'n', to: 'head', batch: { events: 3 }, onError: { giveUp: 'park' } } as const
      const run = subscribe(tab.log, options, (batch) => {
        if (batch.some(({ position }) => position === 2)) throwNo()
        got.push(positions(batch))
      })
      expect(await run.ended).toEqual({ reason: 'head-reached' })
      expect(got).toEqual([[1], [3], [4]])
      expect(run.failures.get()).toMatchObject([{ position: 2 }])
    })

    test('RX-23 a batch that is the last before the end does not wait for more', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const got: (readonly (number | undefined)[])[] = []
      const options = { to: 'head', bufferMax: 1, batch: { events: 2, ms: 60_000 } } as const
      expect(await subscribe(tab.log, options, (batch) => void got.push(positions(batch))).ended).toEqual({
        reason: 'head-reached',
      })
      expect(got).toEqual([[1, 2], [3]])
    })

    test('RX-21 with manual acknowledgement no more handlers run at a time than it was told', async () => {
      const tab = openTab()
      await append(tab, 'a/1', 'b/2', 'c/3')
      const gates = upTo(3).map(newGate)
      const begun: (number | undefined)[] = []
      const run = subscribe(
        tab.log,
        { name: 'n', ack: 'manual', concurrency: 2 },
        async ({ position = 0 }, { ack }) => {
          begun.push(position)
          await gates[position - 1]?.opened
          ack()
        },
      )
      await until(() => begun.length === 2)
      await quiet()
      expect(begun).toEqual([1, 2])
      for (const { open } of gates) open()
      await until(() => run.status.get().checkpoint === 3)
    })

    test('RX-5 a clock that went wrong holds nothing up for longer than the lag', async () => {
      const tab = openTab()
      await append(tab, '1')
      const stage = stageOf(tab)
      stage.setBack(3_600_000)
      const { got } = stage.follow({ lagMs: 5_000 })
      await browser().pass(4_000)
      expect(got).toEqual([])
      await browser().pass(1_100)
      expect(positions(got)).toEqual([1])
    })

    test('a checkpoint is kept after its time also while more waits, and not with each event', async () => {
      const tab = openTab()
      await appendMany(tab, 60)
      const gates = upTo(60).map(newGate)
      let handled = 0
      const run = subscribe(tab.log, { name: 'n' }, async ({ position = 0 }) => {
        handled = position
        await gates[position - 1]?.opened
        await turn()
      })
      await until(() => handled === 1)
      await browser().pass(300)
      gates[0]?.open()
      await until(() => run.status.get().checkpoint === 1)
      expect(handled).toBe(2)
      for (const { open } of gates) open()
      await until(() => run.status.get().checkpoint === 60)
      expect(saves(tab).length).toBeLessThanOrEqual(4)
    })

    test('with a checkpoint for each event the next handler waits for it', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const before: number[] = []
      await subscribe(tab.log, { name: 'n', to: 'head', checkpoint: { events: 1 } }, () => {
        before.push(saves(tab).length)
      }).ended
      expect(before).toEqual([0, 1, 2])
    })

    test('a checkpoint is one row, however often it was kept', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3', '4')
      const stage = stageOf(tab)
      for (const last of [2, 4]) {
        const abort = new AbortController()
        const options = { name: 'n', checkpoint: { events: 1 }, signal: abort.signal }
        await stage.subscribe(options, ({ position }, { state }) => {
          state.set('at', position)
          if (position === last) abort.abort()
        }).ended
        expect(await stage.keptIn('consumer/n/')).toMatchObject([{ n: last }])
        expect(await stage.keptIn('state/n/')).toMatchObject([{ n: last, value: { value: last } }])
      }
    })

    test('RX-29 shards run side by side, by a stream, a type or a function', async () => {
      const tab = openTab()
      await appendMany(tab, 40)
      for (const by of ['stream', 'type', ({ data }: { data: object }) => ('itemId' in data ? `${data.itemId}` : '')]) {
        const parts = [0, 1].map((index) => {
          const got: Placed[] = []
          const options = { name: `by ${by}`, shard: { index, of: 2, by: by as 'stream' } }
          return { got, run: subscribe(tab.log, options, (one) => void got.push(one)) }
        })
        await until(() => parts.every(({ run }) => run.status.get().position === 40))
        const all = parts.flatMap(({ got }) => positions(got))
        expect([...all].sort((a = 0, b = 0) => a - b)).toEqual(upTo(40))
        expect(parts.map(({ got }) => got.length > 0).filter(Boolean)).toHaveLength(by === 'type' ? 1 : 2)
        for (const { run } of parts) await run.stop()
      }
    })

    test('events of types that this build does not know are passed over, or given as they are', async () => {
      const after = browser().openTab(shelfAfter)
      unwrap(
        await after.log.append('shelf', [shelfAfter.events.Put({ id: '1' }), shelfAfter.events.Taken({ id: '1' })]),
      )
      const tab = browser().openTab(shelf)
      const run = async (options: object) => {
        const got: string[] = []
        await subscribe(tab.log, { to: 'head', ...options }, (one) => void got.push(one.type)).ended
        return got
      }
      expect(await run({})).toEqual(['Put'])
      expect(await run({ unknown: 'skip' })).toEqual(['Put'])
      expect(await run({ unknown: 'yield' })).toEqual(['Put', '$unknown'])
    })

    test('RX-B a save that fails takes no state with it, and an older one does not hide a newer', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3', '4')
      const stage = stageOf(tab)
      const count = async (options: object, at: (position: number | undefined) => unknown) => {
        const seen: unknown[] = []
        const handle = async ({ position }: Placed, { state }: { state: StateOf }) => {
          const sum = (((await state.get('sum')) as number[] | undefined) ?? [0])[0] as number
          const value = [sum + 1]
          state.set('sum', value)
          // What it does with it later is its own.
          value[0] = 1_000
          seen.push(sum)
          await at(position)
        }
        const ending = await stage.subscribe({ name: 'n', ...options }, handle).ended
        return { seen, ending }
      }
      // The record of the failure can't be kept, and the end keeps the state of the two before.
      stage.holdKeep(putsIn('failure/'), storageLost()).letGo()
      const one = await count({}, (position) => (position === 3 ? throwNo() : undefined))
      expect(one).toMatchObject({ seen: [0, 1, 2], ending: { reason: 'failed' } })
      await append(tab, '5', '6')
      // The first save fails when one more was handled, and another one is in hand.
      const held = stage.holdKeep(isCheckpoint, storageLost())
      const two = await count({ checkpoint: { events: 2 } }, async (position) => {
        if (position !== 6) return
        await until(held.isThere)
        held.letGo()
        await quiet()
        throwNo()
      })
      expect(two).toMatchObject({ seen: [2, 3, 4, 5], ending: { reason: 'failed', error: { message: 'no storage' } } })
      const three = await count({ to: 'head' }, turn)
      expect(three).toMatchObject({ seen: [5], ending: { reason: 'head-reached' } })
    })

    test('RX-B a reset begins with no state, and keys that begin the same are two', async () => {
      const tab = openTab()
      await append(tab, '1')
      const seen: unknown[] = []
      const run = subscribe(tab.log, { name: 'n' }, async (_event, { state }) => {
        seen.push(await state.get('sum'), await state.get('su'))
        state.set('sum', 1)
        state.set('gone', 1)
        state.set('gone', undefined)
        seen.push(await state.get('sum'), await state.get('gone'))
      })
      await until(() => run.status.get().checkpoint === 1)
      await append(tab, '2')
      await until(() => run.status.get().checkpoint === 2)
      await run.reset()
      await until(() => seen.length === 16)
      const [first, again] = [
        [undefined, undefined, 1, undefined],
        [1, undefined, 1, undefined],
      ]
      expect(seen).toEqual([...first, ...again, ...first, ...again])
    })
  })
}
