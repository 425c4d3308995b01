// How a consumer begins, goes on and ends.
import { isTidelogError } from 'tidelog'
import { checkpointOf, keepRunning, subscribe } from 'tidelog/subscribe'
import { describe, expect, test } from 'vitest'
import { quiet, until } from './harness.ts'
import { append, newGate, type Placed, positions, upTo, useBrowser } from './shop-tab.ts'

export function describeRuns(): void {
  describe('a run of a consumer', () => {
    const { openTab, browser } = useBrowser()

    test('RX-1 waits for the next event or ends with an error, never both', async () => {
      const tab = openTab()
      const got: Placed[] = []
      const subscription = subscribe(tab.log, {}, (event) => void got.push(event))
      await until(() => subscription.status.get().state === 'live')
      await append(tab, '1')
      await until(() => got.length === 1)
      tab.loseWorker(new Error('gone'))
      await append(tab, '2')
      expect(await subscription.ended).toMatchObject({ reason: 'failed', error: { message: 'gone' } })
      await quiet()
      expect(got).toHaveLength(1)
    })

    test('RX-2 keeps checkpoints where the user wants them', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const kept = new Map<string, number>([['mailer', 1]])
      const calls: string[] = []
      const store = {
        get: async (consumer: string) => kept.get(consumer),
        set: async (consumer: string, position: number) => {
          kept.set(consumer, position)
        },
        flush: async (consumer: string) => void calls.push(`flush ${consumer}`),
      }
      const got: Placed[] = []
      const options = { name: 'mailer', to: 'head', checkpoint: { store } } as const
      expect(await subscribe(tab.log, options, (event) => void got.push(event)).ended).toEqual({
        reason: 'head-reached',
      })
      expect(positions(got)).toEqual([2, 3])
      expect(kept.get('mailer')).toBe(3)
      expect(calls).toEqual(['flush mailer'])
      expect(tab.kept.filter(({ put = [] }) => put.some(({ chain }) => chain.startsWith('consumer')))).toEqual([])
    })

    test('RX-3 reads the checkpoint, resets, handles and keeps what went well, also when it is aborted, and stops', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const steps: string[] = []
      const abort = new AbortController()
      const handler = {
        reset: () => steps.push(`reset, ${tab.kept.length} kept`),
        handle: ({ position }: Placed) => {
          steps.push(`handle ${position}`)
          if (position === 2) abort.abort()
        },
        stop: () => steps.push('stop'),
      }
      const subscription = subscribe(tab.log, { name: 'n', signal: abort.signal }, handler)
      expect(await subscription.ended).toEqual({ reason: 'aborted' })
      expect(steps).toEqual(['reset, 0 kept', 'handle 1', 'handle 2', 'stop'])
      expect(await checkpointOf(tab.log, 'n').get()).toBe(2)
    })

    test('RX-4 hands an event whose handler threw on again in the next run', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const got: Placed[] = []
      let fails = true
      const run = () =>
        subscribe(tab.log, { name: 'n', to: 'head' }, (event) => {
          if (event.position === 2 && fails) throw new Error('once')
          got.push(event)
        }).ended
      expect(await run()).toMatchObject({ reason: 'failed' })
      fails = false
      expect(await run()).toEqual({ reason: 'head-reached' })
      expect(positions(got)).toEqual([1, 2, 3])
    })

    test('RX-5 begins at the start, the head, a position or a marker, and ends at the head of its beginning', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const { marker } = await tab.log.logHead()
      await append(tab, '3')
      const run = async (options: object) => {
        const got: Placed[] = []
        const { ended } = subscribe(tab.log, { to: 'head', ...options }, async (event) => {
          got.push(event)
          if (got.length === 1) await append(tab, 'later')
        })
        expect(await ended).toEqual({ reason: 'head-reached' })
        return positions(got)
      }
      expect(await run({ from: 'head' })).toEqual([])
      expect(await run({})).toEqual([1, 2, 3])
      expect(await run({ from: 2 })).toEqual([3, 4])
      expect(await run({ from: marker })).toEqual([3, 4, 5])
      expect(await run({ from: 'start', stream: 'nothing' })).toEqual([])
    })

    test('RX-5 hands on only events that are older than the lag', async () => {
      const tab = openTab()
      await append(tab, '1')
      const got: Placed[] = []
      subscribe(tab.log, { lagMs: 5_000 }, (event) => void got.push(event))
      await browser().pass(4_000)
      expect(got).toEqual([])
      await browser().pass(1_100)
      await until(() => got.length === 1)
    })

    test('RX-6 an end that was to be expected is told from a failure', async () => {
      const tab = openTab()
      await append(tab, '1')
      const stopped = subscribe(tab.log, {}, () => {})
      expect(await stopped.stop()).toEqual({ reason: 'stopped' })
      expect(await subscribe(tab.log, { signal: AbortSignal.abort() }, () => {}).ended).toEqual({ reason: 'aborted' })
      expect(await subscribe(tab.log, { to: 'head' }, () => {}).ended).toEqual({ reason: 'head-reached' })
      const failed = await subscribe(tab.log, {}, () => Promise.reject(new Error('no'))).ended
      expect(failed).toMatchObject({ reason: 'failed', error: { message: 'no' } })
      const itself = subscribe(tab.log, {}, () => void itself.stop())
      expect(await itself.ended).toEqual({ reason: 'stopped' })
    })

    test('RX-16 a gap in what is read is a failure, never passed in silence', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      tab.alter((answer) => ({ ...answer, confirmed: withoutSecond(answer.confirmed) }))
      const got: Placed[] = []
      const end = await subscribe(tab.log, {}, (event) => void got.push(event)).ended
      expect(end.reason === 'failed' && isTidelogError(end.error, 'tidelog/data')).toBe(true)
      expect(positions(got)).toEqual([])
    })

    test('RX-19 a checkpoint moves backwards only by a reset', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const got: Placed[] = []
      const subscription = subscribe(tab.log, { name: 'n' }, (event) => void got.push(event))
      await until(() => subscription.status.get().checkpoint === 3)
      const checkpoint = checkpointOf(tab.log, 'n')
      await expect(checkpoint.set(2)).rejects.toSatisfy((error) => isTidelogError(error, 'tidelog/argument'))
      await subscription.reset(1)
      await until(() => got.length === 5)
      expect(positions(got)).toEqual([1, 2, 3, 2, 3])
      await subscription.stop()
      await checkpoint.reset(0)
      expect(await checkpoint.get()).toBe(0)
      await subscribe(tab.log, { name: 'n', to: 'head' }, (event) => void got.push(event)).ended
      expect(positions(got.slice(5))).toEqual([1, 2, 3])
    })

    test('RX-25 a consumer that begins at the head keeps that before its first event', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const gate = newGate()
      const options = { name: 'n', from: 'head' } as const
      const first = subscribe(tab.log, options, () => gate.opened)
      await until(() => first.status.get().state === 'live')
      await append(tab, '3')
      await until(() => first.status.get().active === 1)
      // The tab dies here, with its first event in hand.
      expect(await checkpointOf(tab.log, 'n').get()).toBe(2)
      gate.open()
      await first.stop()
      await append(tab, '4')
      const got: Placed[] = []
      await subscribe(tab.log, { ...options, to: 'head' }, (event) => void got.push(event)).ended
      expect(positions(got)).toEqual([4])
    })

    test('RX-31 a runner begins again soon after an expected end, and with back-off after a failure', async () => {
      const tab = openTab()
      await append(tab, '1')
      const got: Placed[] = []
      let isBroken = true
      const runner = keepRunning(
        tab.log,
        () =>
          subscribe(tab.log, { name: 'n', to: 'head' }, (event) => {
            if (isBroken) throw new Error('broken')
            got.push(event)
          }),
        { againMs: 100, retryMs: 1_000, retryMsMax: 4_000 },
      )
      await until(() => runner.failures() === 1)
      await browser().pass(400)
      expect(runner.failures()).toBe(1)
      await browser().pass(700)
      await until(() => runner.failures() === 2)
      await browser().pass(900)
      expect(runner.failures()).toBe(2)
      isBroken = false
      await browser().pass(1_200)
      await until(() => got.length === 1)
      await append(tab, '2')
      await browser().pass(150)
      await until(() => got.length === 2)
      expect(runner.failures()).toBe(0)
      await runner.stop()
      expect(runner.current()).toBeUndefined()
    })

    test('RX-B state and checkpoint are kept in one transaction: each event counts once, whatever breaks', async () => {
      const tab = openTab()
      await append(tab, ...upTo(30).map((nth) => `${nth}`))
      const broken: string[] = []
      const count = (options: object, breaksAt: number) =>
        subscribe(
          tab.log,
          { name: 'count', to: 'head', checkpoint: { events: 7 }, ...options },
          async (event, { state }) => {
            const sum = ((await state.get('sum')) as number | undefined) ?? 0
            state.set('sum', sum + 1)
            if (event.position === breaksAt) {
              broken.push(`${sum}`)
              throw new Error('after it was set')
            }
          },
        ).ended
      expect(await count({}, 12)).toMatchObject({ reason: 'failed' })
      // A save that fails takes neither.
      tab.refuseToKeep(new Error('full'))
      expect(await count({}, 0)).toMatchObject({ reason: 'failed', error: { message: 'full' } })
      tab.refuseToKeep(undefined)
      expect(await count({}, 20)).toMatchObject({ reason: 'failed' })
      expect(await count({}, 0)).toEqual({ reason: 'head-reached' })
      expect(broken).toEqual(['11', '19'])
      const rowsOf = (part: string) =>
        tab.kept.filter(({ put = [] }) => put.some(({ chain }) => chain.startsWith(part)))
      expect(rowsOf('state/').length).toBeGreaterThan(3)
      expect(rowsOf('state/').every((changes) => rowsOf('consumer/').includes(changes))).toBe(true)
      const sums: unknown[] = []
      await append(tab, '31')
      const read = async (_: unknown, { state }: { state: { get(key: string): Promise<unknown> } }) =>
        void sums.push(await state.get('sum'))
      await subscribe(openTab().log, { name: 'count', to: 'head' }, read).ended
      expect(sums).toEqual([30])
      const apart = await subscribe(tab.log, {}, (_event, { state }) => state.set('sum', 1)).ended
      expect(apart.reason === 'failed' && isTidelogError(apart.error, 'tidelog/argument')).toBe(true)
    })

    test('AE-9 follows the streams of a pattern', async () => {
      const tab = openTab()
      await append(tab, 'a/1', 'ab/2', 'b/3', 'a.b/4')
      const run = async (stream: string) => {
        const got: string[] = []
        await subscribe(tab.log, { stream, to: 'head' }, (event) => void got.push(event.stream)).ended
        return got
      }
      expect(await run('cart-a*')).toEqual(['cart-a', 'cart-ab', 'cart-a.b'])
      expect(await run('*b')).toEqual(['cart-ab', 'cart-b', 'cart-a.b'])
      expect(await run('cart-a.*')).toEqual(['cart-a.b'])
      expect(await run('cart-a')).toEqual(['cart-a'])
    })

    test('one name runs in one tab: another one waits, or fails when it is told to', async () => {
      const [tab, other] = [openTab(), openTab()]
      const got: string[] = []
      const first = subscribe(tab.log, { name: 'n' }, ({ position }) => void got.push(`first ${position}`))
      await append(tab, '1')
      await until(() => got.length === 1)
      const second = subscribe(other.log, { name: 'n' }, ({ position }) => void got.push(`second ${position}`))
      const third = await subscribe(other.log, { name: 'n', whenTaken: 'fail' }, () => {}).ended
      expect(third.reason === 'failed' && isTidelogError(third.error, 'tidelog/consumer-taken')).toBe(true)
      await until(() => second.status.get().state === 'waiting')
      await first.stop()
      await append(tab, '2')
      await browser().pass(3_500)
      await until(() => got.length === 2)
      expect(got).toEqual(['first 1', 'second 2'])
      const waits = subscribe(tab.log, { name: 'n' }, () => {})
      expect(await waits.stop()).toEqual({ reason: 'stopped' })
    })

    test('options that make no sense are refused before anything is read', () => {
      const tab = openTab()
      const bad: readonly object[] = [
        { name: '' },
        { from: -1 },
        { from: 'end' },
        { to: 'tail' },
        { concurrency: 0 },
        { bufferMax: 0 },
        { onError: { giveUp: 'park' } },
        { onError: { giveUp: 'drop' } },
        { onError: { retries: 1 } },
        { batch: { events: 0 } },
        { shard: { index: 2, of: 2 } },
        { query: { types: [] } },
        { checkpoint: { events: 1 } },
        { nmae: 'n' },
      ]
      for (const options of bad)
        expect(() => subscribe(tab.log, options as { from: 'start' }, () => {}), JSON.stringify(options)).toThrow(
          expect.objectContaining({ code: 'tidelog/argument' }),
        )
      expect(tab.asked).toEqual([])
      expect(upTo(2)).toEqual([1, 2])
    })
  })
}

const withoutSecond = (text: string): string => {
  const [commits, events] = JSON.parse(text)
  return JSON.stringify([commits, events.filter(([position]: readonly [number]) => position !== 2)])
}
