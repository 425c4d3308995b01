// What a subscription is given when questions, answers and notices cross on their way.
import { isTidelogError, unwrap } from 'tidelog'
import { checkpointOf, subscribe } from 'tidelog/subscribe'
import { describe, expect, test } from 'vitest'
import type { MovedNotice } from '../../src/protocol/notice.ts'
import { shop } from '../types/shop.ts'
import { quiet, until } from './harness.ts'
import { isOwn, isRound, stageOf } from './more-stage.ts'
import {
  added,
  append,
  appendMany,
  newGate,
  type Placed,
  positions,
  type ShopTab,
  upTo,
  useBrowser,
} from './shop-tab.ts'

/** A stage with a subscription that is at the head. */
const openLive = async (tab: ShopTab) => {
  const stage = stageOf(tab)
  const first = stage.follow()
  await until(() => first.subscription.status.get().state === 'live', 'the head')
  return { stage, first }
}
/** Notices of a burst come a moment after it. */
const appendOnce = async (tab: ShopTab, count: number) =>
  unwrap(await tab.log.append(upTo(count).map((nth) => added(`${nth}`))))

export function describeCrossing(): void {
  describe('a subscription whose notices and answers cross', () => {
    const { openTab } = useBrowser()

    test('TS-1 misses nothing that is told while its first answer is on its way', async () => {
      const tab = openTab()
      await append(tab, '1')
      const stage = stageOf(tab)
      const held = stage.hold(() => true)
      const { got } = stage.follow()
      await until(held.isThere)
      await append(tab, '2')
      await quiet()
      held.letGo()
      await until(() => got.length === 2)
      expect(positions(got)).toEqual([1, 2])
    })

    test('TS-3 misses nothing when notices got lost while its last answer is on its way', async () => {
      const [tab, writer] = [openTab(), openTab()]
      await append(tab, '1')
      const { stage, first } = await openLive(tab)
      await first.subscription.stop()
      const held = stage.hold(() => true)
      const { got } = stage.follow()
      await until(held.isThere)
      tab.deafen(true)
      await append(writer, '2')
      await quiet()
      stage.tell()
      held.letGo()
      await until(() => got.length === 2)
      expect(positions(got)).toEqual([1, 2])
    })

    test('TS-1 reads on when those at the head were given more while its answer was on its way', async () => {
      const tab = openTab()
      await append(tab, '1')
      const { stage, first } = await openLive(tab)
      const held = stage.hold(isOwn)
      const second = stage.follow()
      await until(held.isThere)
      await append(tab, '2', '3')
      await until(() => first.got.length === 3)
      held.letGo()
      await until(() => second.got.length === 3)
      await append(tab, '4')
      await until(() => first.got.length === 4 && second.got.length === 4)
      await quiet()
      expect(positions(second.got)).toEqual([1, 2, 3, 4])
    })

    test('TS-1 is given nothing twice when it is ahead of those at the head', async () => {
      const tab = openTab()
      await append(tab, '1')
      const { stage, first } = await openLive(tab)
      const held = stage.hold(isRound)
      await append(tab, '2')
      await until(held.isThere)
      await append(tab, '3')
      await quiet()
      const second = stage.follow()
      await until(() => second.got.length === 3 && second.subscription.status.get().state === 'live')
      // What is handed round goes up to 2 first.
      held.letGo()
      await append(tab, '4')
      await until(() => first.got.length === 4 && second.got.length === 4)
      await quiet()
      expect(positions(first.got)).toEqual([1, 2, 3, 4])
      expect(positions(second.got)).toEqual([1, 2, 3, 4])
      expect(second.subscription.status.get()).toMatchObject({ state: 'live', position: 4 })
    })

    test('TS-8 is handed nothing while it reads what it had no room for', async () => {
      const tab = openTab()
      await append(tab, '1')
      const stage = stageOf(tab)
      const got: Placed[] = []
      const gate = newGate()
      const { status } = stage.subscribe({ bufferMax: 2 }, async (event) => {
        got.push(event)
        if (event.position === 2) await gate.opened
      })
      await until(() => status.get().state === 'live')
      await append(tab, '2')
      await until(() => got.length === 2)
      const held = stage.hold(isOwn)
      await appendOnce(tab, 3)
      await until(held.isThere)
      await append(tab, '6')
      await quiet()
      held.letGo()
      gate.open()
      await until(() => got.length === 6)
      await quiet()
      expect(positions(got)).toEqual(upTo(6))
    })

    test('TS-8 is not fed while its buffer is full, and reads what it left when there is room', async () => {
      const tab = openTab()
      const got: Placed[] = []
      const gate = newGate()
      const { status } = subscribe(tab.log, { bufferMax: 2 }, async (event) => {
        await gate.opened
        got.push(event)
      })
      await until(() => status.get().state === 'live')
      for (const item of ['1', '2', '3', '4']) {
        await append(tab, item)
        await quiet()
      }
      tab.asked.length = 0
      for (const item of ['5', '6', '7']) {
        await append(tab, item)
        await quiet()
      }
      expect(tab.asked).toEqual([])
      gate.open()
      await until(() => got.length === 7)
      expect(positions(got)).toEqual(upTo(7))
    })

    test('TS-8 asks for no more than there is room for', async () => {
      const tab = openTab()
      await appendMany(tab, 60)
      const gate = newGate()
      tab.asked.length = 0
      const got: Placed[] = []
      subscribe(tab.log, { bufferMax: 10 }, async (event) => {
        got.push(event)
        if (event.position === 6) await gate.opened
      })
      await until(() => got.length === 6)
      await quiet()
      // Four of ten wait, and the next page has come: no room for another.
      expect(tab.asked.map(({ limit }) => limit).slice(0, 2)).toEqual([10, 5])
      expect(tab.asked.length).toBeLessThanOrEqual(2)
      gate.open()
      await until(() => got.length === 60)
      expect(Math.max(...tab.asked.filter(isOwn).map(({ limit = 0 }) => limit))).toBe(10)
    })

    test('TS-8 reads larger pages for a handler that is faster than the log', async () => {
      const tab = openTab()
      await appendMany(tab, 4_000)
      tab.asked.length = 0
      const got: Placed[] = []
      await subscribe(tab.log, { to: 'head' }, (event) => void got.push(event)).ended
      expect(positions(got)).toEqual(upTo(4_000))
      expect(tab.asked.length).toBeLessThanOrEqual(10)
      expect(tab.asked[0]).toMatchObject({ limit: 100 })
      tab.asked.length = 0
      await subscribe(tab.log, { to: 'head', bufferMax: 500 }, () => {}).ended
      expect(tab.asked.every(({ limit = 0 }) => limit <= 500)).toBe(true)
    })

    test('TS-1 looks at the disk with its first question, and then at what its worker has', async () => {
      const tab = openTab()
      await appendMany(tab, 50)
      tab.asked.length = 0
      await subscribe(tab.log, { bufferMax: 10, to: 'head' }, () => {}).ended
      const [first, ...others] = tab.asked.filter(isOwn)
      expect(first?.seen).toBeUndefined()
      expect(others.length).toBeGreaterThan(3)
      expect(others.every(({ seen }) => seen !== undefined)).toBe(true)
    })

    test('TS-8 with more than can be handed round each reads for itself, and all are at the head again', async () => {
      const tab = openTab()
      await append(tab, '1')
      const { stage, first } = await openLive(tab)
      const second = stage.follow({ stream: 'cart-3' })
      await until(() => second.subscription.status.get().state === 'live')
      stage.asked.length = 0
      await appendMany(tab, 700)
      await until(() => first.got.length === 701 && second.got.length === 100)
      await until(() => [first, second].every(({ subscription }) => subscription.status.get().state === 'live'))
      await quiet()
      expect(stage.asked.filter(isRound).length).toBeLessThanOrEqual(2)
      stage.asked.length = 0
      await append(tab, '3/702')
      await until(() => first.got.length === 702 && second.got.length === 101)
      expect(stage.asked).toMatchObject([{ limit: 500, position: 701 }])
      expect(positions(first.got)).toEqual(upTo(702))
    })
  })

  describe('a subscription that many things happen to', () => {
    const { openTab, browser } = useBrowser()

    test('TS-2 asks once at a time, and once more for what was told meanwhile, also when a late notice follows', async () => {
      const [tab, writer] = [openTab(), openTab()]
      const heard: MovedNotice[] = []
      const channel = new BroadcastChannel(browser().channelOf(shop))
      channel.onmessage = ({ data }) => data.kind === 'moved' && heard.push(data)
      const { stage, first } = await openLive(tab)
      stage.asked.length = 0
      const held = stage.hold(isRound)
      await append(writer, '1')
      await until(() => heard.length === 1)
      await until(held.isThere)
      await append(writer, '2')
      await until(() => heard.length === 2)
      await quiet()
      channel.postMessage(heard[0])
      await quiet()
      channel.close()
      expect(stage.asked).toHaveLength(1)
      held.letGo()
      await until(() => first.got.length === 2)
      await quiet()
      expect(positions(first.got)).toEqual([1, 2])
      expect(stage.asked).toHaveLength(2)
    })

    test('TS-3 reads the disk when the notice that its page heard never reaches its worker', async () => {
      const [tab, writer] = [openTab(), openTab()]
      await append(tab, '1')
      const { stage, first } = await openLive(tab)
      await writer.log.ready
      tab.deafen(true)
      await append(writer, '2')
      await quiet()
      const { marker } = await writer.log.logHead()
      stage.tell({ database: marker.database, head: marker.revision, confirmed: marker.confirmed })
      await until(() => first.got.length === 2)
    })

    test('TS-4 makes nothing of notices of another database', async () => {
      const tab = openTab()
      await append(tab, '1')
      const { stage, first } = await openLive(tab)
      stage.asked.length = 0
      stage.tell({ database: 'another', head: 1_000_000, confirmed: 1_000_000 })
      await quiet()
      expect(stage.asked).toEqual([])
      expect(first.subscription.status.get().lag).toEqual({ events: 0, ms: 0 })
    })

    test('RX-16 a gap in what is handed round is a failure, also when it was there only once', async () => {
      const tab = openTab()
      await append(tab, '1')
      const { stage, first } = await openLive(tab)
      let isWhole = false
      stage.alter((answer) => {
        const [commits, [, ...others]] = JSON.parse(answer.confirmed)
        const gap = isWhole ? answer : { ...answer, confirmed: JSON.stringify([commits, others]) }
        isWhole = true
        return gap
      })
      await appendOnce(tab, 2)
      const end = await first.subscription.ended
      expect(end.reason === 'failed' && isTidelogError(end.error, 'tidelog/data')).toBe(true)
      expect(positions(first.got)).toEqual([1])
    })

    test('TS-7 a log that is shorter than it was is lost storage', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const { stage, first } = await openLive(tab)
      const shorter = (confirmed: number) =>
        stage.alter((answer) => ({ ...answer, head: { ...answer.head, confirmed }, position: confirmed }))
      shorter(2)
      await append(tab, '4')
      const [one, two] = [await first.subscription.ended, await stage.follow({ from: 3 }).subscription.ended]
      for (const end of [one, two])
        expect(end.reason === 'failed' && isTidelogError(end.error, 'tidelog/storage-lost')).toBe(true)
    })

    test('TS-7 one that begins after others were lost is told of what comes', async () => {
      const tab = openTab()
      const { stage, first } = await openLive(tab)
      tab.loseWorker(new Error('gone'))
      await append(tab, '1')
      expect(await first.subscription.ended).toMatchObject({ reason: 'failed' })
      tab.loseWorker(undefined)
      const second = stage.follow()
      await until(() => second.subscription.status.get().state === 'live')
      await append(tab, '2')
      await until(() => second.got.length === 2)
    })

    test('a tab without subscriptions neither asks nor listens nor waits', async () => {
      const tab = openTab()
      const { stage, first } = await openLive(tab)
      const second = stage.follow({ name: 'n' })
      await until(() => second.subscription.status.get().state === 'live')
      expect(stage.busy()).toMatchObject({ listening: 1, watching: 1 })
      await first.subscription.stop()
      await append(tab, '1')
      await until(() => second.got.length === 1)
      await second.subscription.stop()
      stage.asked.length = 0
      await append(tab, '2')
      await browser().pass(61_000)
      expect(first.got).toEqual([])
      expect(stage.asked).toEqual([])
      expect(stage.busy()).toEqual({ listening: 0, watching: 0, timers: 0 })
      // And listens again with the next one.
      const third = stage.follow({ name: 'n' })
      await until(() => third.got.length === 1)
      await append(tab, '3')
      await until(() => third.got.length === 2)
    })

    test('TS-8 what has ended is no longer read for', async () => {
      const tab = openTab()
      const { stage, first } = await openLive(tab)
      const second = stage.follow({ name: 'n' })
      await until(() => second.subscription.status.get().state === 'live')
      await first.subscription.stop()
      await second.subscription.stop()
      const gate = newGate()
      // It listens, and reads nothing: it waits for its handler.
      await append(tab, '1', '2', '3')
      const third = stage.subscribe({ bufferMax: 1 }, () => gate.opened)
      await until(() => third.status.get().active === 1)
      await quiet()
      stage.asked.length = 0
      await append(tab, '4')
      await quiet()
      expect(stage.asked).toEqual([])
      gate.open()
    })

    test('TS-5 each notice puts the look after a minute off', async () => {
      const tab = openTab()
      const { got, subscription } = stageOf(tab).follow()
      await until(() => subscription.status.get().state === 'live')
      await browser().pass(50_000)
      await append(tab, '1')
      await until(() => got.length === 1)
      tab.asked.length = 0
      await browser().pass(50_000)
      expect(tab.asked).toEqual([])
      await browser().pass(11_000)
      expect(tab.asked).toHaveLength(1)
    })

    test('RX-9 who watches a status is told when nothing but time has passed', async () => {
      const tab = openTab()
      const { subscription } = stageOf(tab).follow({ alerts: { inactiveMs: 50_000 } })
      await until(() => subscription.status.get().state === 'live')
      const told: (readonly string[])[] = []
      subscription.status.subscribe(() => told.push(subscription.status.get().alerts))
      await browser().pass(61_000)
      expect(told).toContainEqual(['inactive'])
    })

    test('RX-5 ends at the head of its beginning, whatever is appended while it reads', async () => {
      const tab = openTab()
      await append(tab, 'a/1', 'a/2', 'b/3', 'a/4', 'b/5')
      const run = async (options: object) => {
        const { marker } = await tab.log.logHead()
        const got: Placed[] = []
        const { ended, status } = subscribe(tab.log, { to: 'head', ...options }, async (given) => {
          got.push(...[given].flat())
          await append(tab, 'a/more', 'b/more')
        })
        expect(await ended).toEqual({ reason: 'head-reached' })
        expect(status.get().position).toBe(marker.confirmed)
        return positions(got)
      }
      expect(await run({ bufferMax: 2 })).toEqual(upTo(5))
      expect(await run({ bufferMax: 2, name: 'n', from: 10 })).toEqual(upTo(15, 11))
      expect(await checkpointOf(tab.log, 'n').get()).toBe(15)
      expect(await run({ bufferMax: 2, from: 18, batch: { events: 4 } })).toEqual(upTo(25, 19))
      expect(await run({ bufferMax: 1, from: 24, stream: 'cart-b' })).toEqual([25, 27, 29])
    })

    test('RX-5 ends at the head of its beginning also where what follows fills its batch, or is none of its own', async () => {
      const tab = openTab()
      await appendMany(tab, 103)
      const got: Placed[] = []
      const batches = subscribe(tab.log, { to: 'head', bufferMax: 100, batch: { events: 7 } }, async (batch) => {
        if (got.length === 0) await append(tab, 'later', 'later')
        got.push(...batch)
      })
      expect(await batches.ended).toEqual({ reason: 'head-reached' })
      expect(positions(got)).toEqual(upTo(103))
      const others = subscribe(tab.log, { to: 'head', bufferMax: 1, stream: 'cart-3' }, () => append(tab, 'other'))
      await others.ended
      expect(others.status.get().position).toBe(105)
    })
  })
}
