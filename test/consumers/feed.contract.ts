// How subscriptions hear that the log moved, and what they do when they don't.
import { isTidelogError, TidelogError, unwrap } from 'tidelog'
import { checkpointOf, type Subscription, subscribe } from 'tidelog/subscribe'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { events, shop } from '../types/shop.ts'
import { Harness, quiet, storageLost, until } from './harness.ts'

const added = (itemId: string, cartId = 'c', productId = 'p') =>
  events.ItemAdded({ cartId, itemId, productId, price: 1 })
interface Placed {
  readonly position: number | undefined
}
const positions = (got: readonly Placed[]) => got.map(({ position }) => position)

export function describeFeed(): void {
  let browser: Harness
  beforeEach(() => {
    browser = new Harness()
  })
  afterEach(() => browser.close())

  const openTab = () => browser.openTab(shop)
  type ShopTab = ReturnType<typeof openTab>
  const append = async ({ log }: ShopTab, ...ids: readonly string[]) => {
    for (const id of ids) unwrap(await log.append([added(id)]))
  }
  /** A subscription that follows from the start, and is at the head. */
  const follow = async ({ log }: ShopTab, options: object = {}) => {
    const got: Placed[] = []
    const subscription = subscribe(log, options, (event) => void got.push(event))
    await until(() => subscription.status.get().state === 'live', 'the head')
    return { got, subscription }
  }

  describe('a subscription', () => {
    test('TS-1 reads what lies after its checkpoint with one read, then waits', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3', '4', '5')
      await checkpointOf(tab.log, 'mailer').set(3)
      tab.asked.length = 0
      const { got } = await follow(tab, { name: 'mailer' })
      await quiet()
      expect(positions(got)).toEqual([4, 5])
      expect(tab.asked).toMatchObject([{ position: 3 }])
    })

    test('TS-1 misses nothing and doubles nothing of what is appended while it reads', async () => {
      const [tab, other] = [openTab(), openTab()]
      await append(tab, ...Array.from({ length: 150 }, (_, at) => `${at}`))
      const got: (Placed & { readonly data: object })[] = []
      const subscription = subscribe(tab.log, { bufferMax: 7 }, async (event) => {
        got.push(event)
        if (got.length % 20 === 0) await append(got.length % 40 === 0 ? tab : other, `more ${got.length}`)
      })
      // In the very turn of the subscription.
      void append(tab, 'at once')
      await until(() => got.some(({ data }) => 'itemId' in data && data.itemId === 'at once') && got.length > 155)
      await quiet()
      const { events: all } = await tab.log.read().all()
      expect(positions(got)).toEqual(positions(all))
      expect(subscription.status.get()).toMatchObject({ state: 'live', position: got.length })
    })

    test('TS-2 is given what a notice carries without a read of the disk', async () => {
      const [tab, writer] = [openTab(), openTab()]
      const { got } = await follow(tab)
      await writer.log.ready
      tab.reads.length = 0
      for (let nth = 1; nth <= 10; nth++) {
        await append(writer, `${nth}`)
        await until(() => got.length === nth)
      }
      expect(positions(got)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      expect(tab.reads).toEqual([])
    })

    test('TS-3 heals a gap with one read of what is missing', async () => {
      const [tab, writer] = [openTab(), openTab()]
      await append(writer, '1')
      const { got } = await follow(tab)
      await until(() => got.length === 1)
      tab.deafen(true)
      await append(writer, '2', '3')
      await quiet()
      expect(positions(got)).toEqual([1])
      tab.deafen(false)
      tab.reads.length = 0
      tab.asked.length = 0
      await append(writer, '4')
      await until(() => got.length === 4)
      expect(positions(got)).toEqual([1, 2, 3, 4])
      expect(tab.asked).toMatchObject([{ position: 1 }])
      expect(tab.reads).toEqual(['log writes'])
    })

    test('TS-4 makes nothing of a notice that is late or comes twice', async () => {
      const [tab, writer] = [openTab(), openTab()]
      const heard: unknown[] = []
      const channel = new BroadcastChannel(browser.channelOf(shop))
      channel.onmessage = ({ data }) => heard.push(data)
      const { got } = await follow(tab)
      await append(writer, '1', '2')
      await until(() => got.length === 2 && heard.length >= 1)
      await quiet()
      tab.asked.length = 0
      tab.reads.length = 0
      for (const message of [...heard, ...heard]) channel.postMessage(message)
      await quiet()
      channel.close()
      expect(tab.asked).toEqual([])
      expect(tab.reads).toEqual([])
      expect(positions(got)).toEqual([1, 2])
    })

    test('TS-5 looks at the log when nothing came for a minute, all of a tab together', async () => {
      const [tab, writer] = [openTab(), openTab()]
      const all = await Promise.all(Array.from({ length: 1_000 }, () => follow(tab)))
      await writer.log.ready
      tab.deafen(true)
      await append(writer, '1')
      tab.asked.length = 0
      await browser.pass(59_000)
      expect(all.every(({ got }) => got.length === 0)).toBe(true)
      expect(tab.asked).toEqual([])
      await browser.pass(1_500)
      await until(() => all.every(({ got }) => got.length === 1))
      expect(tab.asked).toHaveLength(1)
    })

    test('TS-6 polls every three seconds while notices may get lost, until a good one comes', async () => {
      const [tab, writer] = [openTab(), openTab()]
      const { got } = await follow(tab)
      await writer.log.ready
      tab.asked.length = 0
      // At once, since something may have been missed.
      browser.babble(shop)
      await until(() => tab.asked.length === 1, 'the look at once')
      tab.deafen(true)
      await append(writer, '1')
      await browser.pass(3_100)
      await until(() => got.length === 1)
      await append(writer, '2')
      await browser.pass(3_100)
      await until(() => got.length === 2)
      tab.deafen(false)
      await append(writer, '3')
      await until(() => got.length === 3)
      tab.deafen(true)
      await append(writer, '4')
      tab.asked.length = 0
      await browser.pass(30_000)
      expect(tab.asked).toEqual([])
      expect(got).toHaveLength(3)
    })

    test('TS-7 ends with a typed error when the log is gone, never in silence', async () => {
      const endOf = async (break_: (tab: ShopTab) => unknown, subscription: Subscription, tab: ShopTab) => {
        await break_(tab)
        return subscription.ended
      }
      const lost = openTab()
      const { subscription: one } = await follow(lost)
      const end = await endOf(
        (tab) => {
          tab.loseWorker(new TidelogError('tidelog/worker-lost', 'gone'))
          return append(tab, '1')
        },
        one,
        lost,
      )
      expect(end.reason === 'failed' && isTidelogError(end.error, 'tidelog/worker-lost')).toBe(true)
      const broken = openTab()
      broken.loseWorker(storageLost())
      const two = await subscribe(broken.log, {}, () => {}).ended
      expect(two.reason === 'failed' && isTidelogError(two.error, 'tidelog/storage-lost')).toBe(true)
      const closed = openTab()
      const { subscription: three } = await follow(closed)
      await closed.log.close()
      expect(await three.ended).toEqual({ reason: 'closed' })
      expect(three.status.get().state).toBe('ended')
    })

    test('TS-8 lets a slow handler hold up the reading, and loses nothing of what comes meanwhile', async () => {
      const [tab, writer] = [openTab(), openTab()]
      await append(tab, ...Array.from({ length: 60 }, (_, at) => `${at}`))
      const got: Placed[] = []
      let release = (): void => {}
      const gate = new Promise<void>((open) => {
        release = open
      })
      tab.asked.length = 0
      subscribe(tab.log, { bufferMax: 10 }, async (event) => {
        await gate
        got.push(event)
      })
      await until(() => tab.asked.length > 0)
      await append(writer, ...Array.from({ length: 40 }, (_, at) => `late ${at}`))
      await quiet()
      // The buffer and the one that is being handled.
      expect(tab.asked.length).toBeLessThanOrEqual(2)
      release()
      await until(() => got.length === 100)
      expect(positions(got)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1))
      for (const { limit = 0 } of tab.asked) expect(limit === 500 || limit <= 10).toBe(true)
    })

    test('TS-8 has room for a hundred events when nothing else is said', async () => {
      const tab = openTab()
      unwrap(await tab.log.append(Array.from({ length: 300 }, (_, at) => added(`${at}`))))
      tab.asked.length = 0
      subscribe(tab.log, {}, () => new Promise(() => {}))
      await until(() => tab.asked.length > 0)
      await quiet()
      expect(tab.asked.map(({ limit }) => limit)).toEqual([100])
    })

    test('TS-9 follows all, a stream, a type or a query in one total order', async () => {
      const tab = openTab()
      const gotBy = async (options: object) => (await follow(tab, options)).got
      const before = { all: {}, stream: { stream: 'cart-b' }, type: { query: { types: ['CartCleared'] } } }
      const query = { query: [{ types: ['ItemAdded'], tags: { productId: 'q' } }, { types: ['CartCleared'] }] }
      unwrap(await tab.log.append([added('1', 'a'), added('2', 'b')]))
      const all = await gotBy(before.all)
      const stream = await gotBy(before.stream)
      const type = await gotBy(before.type)
      const found = await gotBy(query)
      unwrap(await tab.log.append([events.CartCleared({ cartId: 'b' }), added('3', 'a', 'q')]))
      unwrap(await tab.log.append([added('4', 'b')]))
      await until(() => all.length === 5 && found.length === 2)
      await quiet()
      expect(positions(all)).toEqual([1, 2, 3, 4, 5])
      expect(positions(stream)).toEqual([2, 3, 5])
      expect(positions(type)).toEqual([3])
      expect(positions(found)).toEqual([3, 4])
    })

    test('TS-10 goes on behind its checkpoint with a name, and without one begins at the start or from now on', async () => {
      const tab = openTab()
      await append(tab, '1', '2')
      const { got: named, subscription } = await follow(tab, { name: 'n' })
      await until(() => named.length === 2)
      await subscription.stop()
      await append(tab, '3')
      const { got: again } = await follow(tab, { name: 'n' })
      const { got: start } = await follow(tab)
      const { got: now } = await follow(tab, { from: 'head' })
      await append(tab, '4')
      await until(() => now.length === 1 && again.length === 2 && start.length === 4)
      expect(positions(again)).toEqual([3, 4])
      expect(positions(now)).toEqual([4])
      const checkpoint = checkpointOf(tab.log, 'n')
      await until(() => tab.kept.length > 0)
      await expect(checkpoint.set(1)).rejects.toSatisfy((error) => isTidelogError(error, 'tidelog/argument'))
      expect(await checkpoint.get()).toBe(4)
    })

    test('TS-10 from the head takes what is appended in the turn of the subscription, and nothing from before', async () => {
      const tab = openTab()
      await append(tab, 'before')
      const got: Placed[] = []
      subscribe(tab.log, { from: 'head' }, (event) => void got.push(event))
      const appending = tab.log.append([added('at once')])
      unwrap(await appending)
      await until(() => got.length === 1)
      expect(positions(got)).toEqual([2])
    })

    test('TS-B never passes over a failing event unless it was told to', async () => {
      const tab = openTab()
      await append(tab, '1', '2', '3')
      const failsAt2 = (got: Placed[]) => (event: Placed) => {
        if (event.position === 2) throw new Error('no')
        got.push(event)
      }
      const stopped: Placed[] = []
      const end = await subscribe(tab.log, {}, failsAt2(stopped)).ended
      expect(end).toMatchObject({ reason: 'failed', error: { message: 'no' } })
      expect(positions(stopped)).toEqual([1])
      const skipped: Placed[] = []
      const skipping = subscribe(tab.log, { onError: { giveUp: 'skip' }, to: 'head' }, failsAt2(skipped))
      expect(await skipping.ended).toEqual({ reason: 'head-reached' })
      expect(positions(skipped)).toEqual([1, 3])
    })
  })
}
