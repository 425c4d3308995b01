// Reactors, tasks and translators: what a log does by itself, once for each event.
import { unwrap } from 'tidelog'
import { tasksOf } from 'tidelog/automation'
import { checkpointOf, discardFailures, listFailures, retryFailures } from 'tidelog/subscribe'
import { simulate } from 'tidelog/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Harness, quiet, storageLost, until } from './harness.ts'
import { events, market, type Publish } from './market.ts'
import { newGate } from './shop-tab.ts'

export function describeAutomation(): void {
  let browser: Harness
  beforeEach(() => {
    browser = new Harness()
  })
  afterEach(() => browser.close())
  type Options = Parameters<typeof market>[0]
  const openTab = (options: Options = {}) => browser.openTab(market(options))
  type MarketTab = ReturnType<typeof openTab>
  const submit = async ({ log }: MarketTab, ...cartIds: readonly string[]) => {
    for (const cartId of cartIds) unwrap(await log.append([events.CartSubmitted({ cartId })]))
  }
  const _typesIn = async ({ log }: MarketTab) => (await log.read().all()).events.map(({ type }) => type)
  const eventsIn = async ({ log }: MarketTab, ...types: readonly (keyof typeof events & string)[]) =>
    (await log.read({ query: { types } } as object).all()).events
  const count = async (tab: MarketTab, type: keyof typeof events & string) => (await eventsIn(tab, type)).length
  const reaches = async (isSo: () => Promise<boolean>) => {
    let is = false
    await until(() => {
      void isSo().then((value) => {
        is = value
      })
      return is
    })
  }

  describe('reactors', () => {
    test('CART-9 a price change archives the product in all carts, once for the event, and nothing where nothing is', async () => {
      const tab = openTab()
      const added = (cartId: string, productId: string) => events.ItemAdded({ cartId, productId })
      unwrap(await tab.log.append([added('a', 'p'), added('b', 'p'), added('b', 'q')]))
      const [changed] = unwrap(await tab.log.append([events.PriceChanged({ productId: 'p', price: 2 })])).events
      unwrap(await tab.log.append([events.PriceChanged({ productId: 'nowhere', price: 1 })]))
      await reaches(async () => (await count(tab, 'PriceNoted')) === 2)
      await reaches(async () => (await count(tab, 'ItemArchived')) === 2)
      const archived = await eventsIn(tab, 'ItemArchived')
      expect(archived.map(({ stream }) => stream)).toEqual(['cart-a', 'cart-b'])
      expect(archived[0]?.commitId).toBe(`archive/${changed?.id}/1`)
      expect(archived[0]?.metadata).toMatchObject({ causationId: changed?.id })
      expect(new Set(archived.map(({ commitId }) => commitId)).size).toBe(1)
      // Handed on again, as after a crash: nothing comes twice.
      await tab.log.close()
      const again = openTab()
      await again.log.ready
      await quiet()
      expect(await count(again, 'ItemArchived')).toBe(2)
      expect(await count(again, 'PriceNoted')).toBe(2)
    })

    test('RX-B what a reactor appends and its checkpoint are one write', async () => {
      const tab = openTab()
      unwrap(await tab.log.append([events.PriceChanged({ productId: 'p', price: 2 })]))
      await reaches(async () => (await count(tab, 'PriceNoted')) === 1)
      const [, call] = tab.appended.find(([commit]) => commit.includes('PriceNoted')) ?? []
      expect(JSON.parse(call ?? '{}').keep.put).toMatchObject([{ chain: 'consumer/reactor%2Fnote/0.1', n: 1 }])
    })

    test('what is for the server does not run on a device whose log syncs with one', async () => {
      const world = simulate(market({ on: 'server' }), { devices: 1 })
      const [{ log }] = world.devices
      unwrap(await log.append([events.PriceChanged({ productId: 'p', price: 1 })]))
      unwrap(await log.append([events.CartSubmitted({ cartId: 'a' })]))
      await world.settle()
      await quiet()
      await world.settle()
      const { events: all } = await log.read().all()
      expect(all.map(({ type }) => type)).toEqual(['PriceChanged', 'CartSubmitted'])
      expect(all.map(({ metadata }) => metadata.origin)).toEqual([undefined, undefined])
      await world.close()
    })

    test('a reactor whose handler fails is tried again, and its event parked at last', async () => {
      let fails = 3
      const tab = openTab({
        noted: () => {
          if (fails-- > 0) throw new Error('not yet')
        },
      })
      unwrap(await tab.log.append([events.PriceChanged({ productId: 'p', price: 2 })]))
      await until(() => fails < 3)
      for (let nth = 0; nth < 4; nth++) await browser.pass(1_100)
      await reaches(async () => (await count(tab, 'PriceNoted')) === 1)
    })

    test('RX-20 what a reactor could not handle is tried again, or forgotten, from the page', async () => {
      const broken = new Set(['p', 'q'])
      const tab = openTab({
        noted: (productId) => {
          if (broken.has(productId)) throw new Error(`no ${productId}`)
        },
      })
      for (const productId of ['p', 'q', 'r'])
        unwrap(await tab.log.append([events.PriceChanged({ productId, price: 2 })]))
      for (let nth = 0; nth < 14; nth++) await browser.pass(2_100)
      await reaches(async () => (await count(tab, 'PriceNoted')) === 1)
      const page = openTab().log
      await reaches(async () => (await listFailures(page, 'reactor/note')).length === 2)
      expect(await listFailures(page, 'reactor/note')).toMatchObject([{ message: 'no p' }, { message: 'no q' }])
      broken.delete('p')
      expect(await retryFailures(page, 'reactor/note')).toBe(2)
      await reaches(async () => (await count(tab, 'PriceNoted')) === 2)
      await reaches(async () => (await listFailures(page, 'reactor/note'))[0]?.status === 'parked')
      expect(await discardFailures(page, 'reactor/note')).toBe(1)
      expect(await listFailures(page)).toEqual([])
    })

    test('two tabs, and two devices that share an origin’s events, append what follows once', async () => {
      const tabs = [openTab(), openTab()] as const
      for (let nth = 0; nth < 10; nth++)
        unwrap(
          await tabs[nth % 2 === 0 ? 0 : 1].log.append([events.PriceChanged({ productId: `p${nth}`, price: nth })]),
        )
      await reaches(async () => (await count(tabs[0], 'PriceNoted')) === 10)
      await quiet()
      expect(await count(tabs[0], 'PriceNoted')).toBe(10)
      const world = simulate(market({ on: 'origin' }), { devices: 2 })
      const [ann, bob] = world.devices
      unwrap(await ann.log.append([events.PriceChanged({ productId: 'a', price: 1 })]))
      unwrap(await bob.log.append([events.PriceChanged({ productId: 'b', price: 1 })]))
      await world.settle()
      await quiet()
      await world.settle()
      const notedBy = async (device: typeof ann) =>
        (await device.log.read({ query: { types: ['PriceNoted'] } }).all()).events.map(({ data, metadata }) => [
          data.productId,
          metadata.origin,
        ])
      const noted = await notedBy(ann)
      expect(noted.map(([productId]) => productId).sort()).toEqual(['a', 'b'])
      expect(await notedBy(bob)).toEqual(noted)
      const origins = (await ann.log.read({ query: { types: ['PriceChanged'] } }).all()).events.map(
        ({ data, metadata }) => [data.productId, metadata.origin],
      )
      // Each device reacted to what is its own.
      expect(Object.fromEntries(noted)).toEqual(Object.fromEntries(origins))
      await world.close()
    })
  })

  describe('tasks', () => {
    test('CART-10 there is one task for each event, which runs now or later', async () => {
      const published: string[] = []
      const publish: Publish = (cartId) => {
        published.push(cartId)
        return 'published'
      }
      const tab = openTab({ publish })
      await submit(tab, 'a', 'unwanted')
      unwrap(await tab.log.append([events.CartSubmitted({ cartId: 'later', afterMs: 5_000 })]))
      await until(() => published.length === 1)
      await reaches(async () => (await count(tab, 'CartPublished')) === 1)
      const tasks = tasksOf(tab.log)
      expect((await tasks.list()).map(({ status, input }) => [status, input])).toEqual([
        ['waiting', { cartId: 'later' }],
        ['done', { cartId: 'a' }],
      ])
      await browser.pass(5_100)
      await reaches(async () => (await count(tab, 'CartPublished')) === 2)
      expect(published).toEqual(['a', 'later'])
      // Planned again from the start, as by a device that has lost its checkpoint.
      await checkpointOf(tab.log, 'task/publish').reset(0)
      await tab.log.close()
      const again = openTab({ publish })
      await again.log.ready
      await quiet()
      await reaches(async () => (await checkpointOf(again.log, 'task/publish').get()) === 5)
      expect(published).toEqual(['a', 'later'])
    })

    test('CART-10 a task is tried with back-off until its tries are over, and its failure is an event', async () => {
      const tries: number[] = []
      const tab = openTab({
        task: { attempts: 3 },
        publish: (_cartId, { attempt }) => {
          tries.push(attempt)
          throw new Error(`no ${attempt}`)
        },
      })
      await submit(tab, 'a')
      await until(() => tries.length === 1)
      await quiet()
      const [waiting] = await tasksOf(tab.log).list()
      expect(waiting).toMatchObject({ status: 'waiting', attempts: 1, message: 'no 1' })
      const firstMs = (waiting?.dueAt ?? 0) - browser.clock.now()
      expect(firstMs).toBeGreaterThan(60)
      expect(firstMs).toBeLessThanOrEqual(125)
      await browser.pass(130)
      await until(() => tries.length === 2)
      await quiet()
      const secondMs = ((await tasksOf(tab.log).list())[0]?.dueAt ?? 0) - browser.clock.now()
      expect(secondMs).toBeGreaterThan(100)
      expect(secondMs).toBeLessThanOrEqual(250)
      await browser.pass(260)
      await reaches(async () => (await count(tab, 'CartPublicationFailed')) === 1)
      expect(tries).toEqual([1, 2, 3])
      const [failed] = await eventsIn(tab, 'CartPublicationFailed')
      expect(failed?.data).toEqual({ cartId: 'a', why: 'no 3' })
      expect(await tasksOf(tab.log).list()).toMatchObject([{ status: 'failed', attempts: 3, message: 'no 3' }])
    })

    test('CART-10 a task that has passed its deadline is not tried again, also when it hangs', async () => {
      const signals: AbortSignal[] = []
      const tab = openTab({
        task: { deadlineMs: 2_000 },
        publish: (_cartId, { signal }) => {
          signals.push(signal)
          return new Promise(() => {})
        },
      })
      await submit(tab, 'a')
      await until(() => signals.length === 1)
      await browser.pass(2_100)
      await reaches(async () => (await count(tab, 'CartPublicationFailed')) === 1)
      expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    })

    test('CART-10 the end of a task and its event are one write, which is repeated without the work', async () => {
      const published: string[] = []
      const tab = openTab({
        publish: (cartId) => {
          published.push(cartId)
          tab.refuseToAppend(storageLost())
          return 'published'
        },
      })
      await submit(tab, 'a')
      await until(() => published.length === 1)
      await quiet()
      expect(await tasksOf(tab.log).list()).toMatchObject([{ status: 'running' }])
      tab.refuseToAppend(undefined)
      await browser.pass(200)
      await reaches(async () => (await count(tab, 'CartPublished')) === 1)
      expect(published).toEqual(['a'])
      const [, call] = tab.appended.findLast(([commit]) => commit.includes('CartPublished')) ?? []
      expect(JSON.parse(call ?? '{}').keep.put).toMatchObject([{ value: { status: 'done' } }])
    })

    test('CART-10 so many run at a time, and no more', async () => {
      const gate = newGate()
      let [now, most] = [0, 0]
      const tab = openTab({
        task: { concurrency: 2 },
        publish: async () => {
          now++
          most = Math.max(most, now)
          await gate.opened
          now--
          return 'published'
        },
      })
      await submit(tab, 'a', 'b', 'c', 'd', 'e')
      await until(() => now === 2)
      await quiet()
      expect(now).toBe(2)
      gate.open()
      await reaches(async () => (await count(tab, 'CartPublished')) === 5)
      expect(most).toBe(2)
    })

    test('CART-10 another tab takes over what a dead or frozen one was at, and the late one changes nothing', async () => {
      const gate = newGate()
      const begun: string[] = []
      const publishBy =
        (who: string, isSlow: boolean): Publish =>
        async () => {
          begun.push(who)
          if (isSlow) await gate.opened
          return 'published'
        }
      const task = { leaseMs: 9_000 }
      const frozen = openTab({ task, publish: publishBy('frozen', true) })
      await submit(frozen, 'a')
      await until(() => begun.length === 1)
      await quiet()
      // It no longer keeps its lease.
      frozen.refuseToKeep(storageLost())
      const other = openTab({ task, publish: publishBy('other', false) })
      await other.log.ready
      await browser.pass(8_000)
      expect(begun).toEqual(['frozen'])
      await browser.pass(11_000)
      await until(() => begun.length === 2)
      await reaches(async () => (await count(other, 'CartPublished')) === 1)
      frozen.refuseToKeep(undefined)
      gate.open()
      await quiet()
      await browser.pass(1_000)
      expect(await count(other, 'CartPublished')).toBe(1)
      expect(begun).toEqual(['frozen', 'other'])
      expect(await tasksOf(other.log).list()).toMatchObject([{ status: 'done', attempts: 2 }])
    })

    test('CART-10 a task whose runner died, or that is to be tried again, is begun also when the clock was set back by years', async () => {
      const begun: string[] = []
      const publishBy =
        (who: string): Publish =>
        (cartId) => {
          begun.push(`${who} ${cartId}`)
          if (who === 'other') return 'published'
          if (cartId === 'a') return new Promise(() => {})
          throw new Error('not yet')
        }
      const task = { leaseMs: 9_000, retryMs: 5_000, concurrency: 2 }
      const dead = openTab({ task, publish: publishBy('dead') })
      await submit(dead, 'a', 'b')
      await until(() => begun.length === 2)
      await quiet()
      dead.refuseToKeep(storageLost())
      browser.clock.offMs = -10 * 365 * 86_400_000
      const other = openTab({ task, publish: publishBy('other') })
      await other.log.ready
      await browser.pass(60_000)
      await reaches(async () => (await count(other, 'CartPublished')) === 2)
      expect(begun.filter((one) => one.startsWith('other')).sort()).toEqual(['other a', 'other b'])
    })

    test('CART-10 a task that another runner was first to claim is not begun', async () => {
      const begun: string[] = []
      const tab = openTab({
        publish: (cartId) => {
          begun.push(cartId)
          return 'published'
        },
      })
      await tab.log.ready
      let claims = 0
      tab.forestall(async (row, keep) => {
        const record = row.value as { readonly status: string; readonly input: { readonly cartId: string } }
        if (record.status !== 'running' || record.input.cartId !== 'a' || claims++ > 0) return
        await keep({ add: [{ ...row, value: { ...record, runner: 'another one' } }] })
      })
      await submit(tab, 'a', 'b')
      await until(() => claims === 1)
      await quiet()
      expect(begun).toEqual([])
      // Nobody hears of the other one again.
      await browser.pass(31_000)
      await reaches(async () => (await count(tab, 'CartPublished')) === 2)
      expect(begun.sort()).toEqual(['a', 'b'])
    })

    test('CART-10 a tab that is closed lets go of its tasks, and another one begins them at once', async () => {
      const begun: string[] = []
      const closing = openTab({
        publish: (_cartId, { signal }) => {
          begun.push('closing')
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        },
      })
      await submit(closing, 'a')
      await until(() => begun.length === 1)
      const other = openTab({
        publish: () => {
          begun.push('other')
          return 'published'
        },
      })
      await other.log.ready
      const closed = closing.log.close()
      await browser.pass(6_000)
      await closed
      await browser.pass(4_000)
      await reaches(async () => (await count(other, 'CartPublished')) === 1)
      expect(begun).toEqual(['closing', 'other'])
    })

    test('CART-10 a task ends also where the facts of its failure can’t be made', async () => {
      const tab = openTab({
        task: { attempts: 1 },
        publish: () => {
          throw new Error('broken')
        },
      })
      await submit(tab, 'nameless')
      const tasks = tasksOf(tab.log)
      await until(() => tasks.get()[0]?.status === 'failed')
      expect(tasks.get()).toMatchObject([{ attempts: 1, message: 'broken; and its facts: no name for it' }])
      tasks.close()
    })

    test('CART-10 a runner that is lost is a try, and a task whose tries are over is not begun again', async () => {
      const begun: string[] = []
      const task = { attempts: 2, leaseMs: 3_000 }
      const publishBy =
        (who: string): Publish =>
        () => {
          begun.push(who)
          return new Promise(() => {})
        }
      const tabs = ['first', 'second'].map((who) => openTab({ task, publish: publishBy(who) }))
      const [first, second] = tabs as [MarketTab, MarketTab]
      await submit(first, 'a')
      await until(() => begun.length === 1)
      await quiet()
      first.refuseToKeep(storageLost())
      await second.log.ready
      await browser.pass(7_000)
      await until(() => begun.length === 2)
      await quiet()
      second.refuseToKeep(storageLost())
      const third = openTab({ task, publish: publishBy('third') })
      await third.log.ready
      await browser.pass(7_000)
      await reaches(async () => (await count(third, 'CartPublicationFailed')) === 1)
      expect(begun).toEqual(['first', 'second'])
    })

    test('CART-10 a task that is cancelled records nothing, however late its work is done', async () => {
      const gate = newGate()
      let begun = 0
      const tab = openTab({
        publish: async () => {
          begun++
          await gate.opened
          return 'published'
        },
      })
      await submit(tab, 'a')
      await until(() => begun === 1)
      const tasks = tasksOf(tab.log)
      const [task] = await tasks.list()
      // Its runner does not hear of it.
      tab.deafen(true)
      const other = tasksOf(openTab({ publish: () => new Promise(() => {}) }).log)
      expect(await other.cancel(task?.id ?? '')).toBe(true)
      gate.open()
      await quiet()
      await browser.pass(1_000)
      expect(await count(tab, 'CartPublished')).toBe(0)
      expect(await tasks.list()).toMatchObject([{ status: 'cancelled' }])
      expect(await tasks.retry(task?.id ?? '')).toBe(true)
      tab.deafen(false)
      await browser.pass(31_000)
      await reaches(async () => (await count(tab, 'CartPublished')) === 1)
      for (const each of [tasks, other]) each.close()
    })

    test('CART-10 tasks are watched with their progress, cancelled, tried again and forgotten', async () => {
      let broken = true
      const aborted: string[] = []
      const tab = openTab({
        task: { attempts: 1 },
        publish: (cartId, { progress, signal }) => {
          if (cartId === 'hangs') {
            progress({ done: 1, of: 3 })
            signal.addEventListener('abort', () => aborted.push(cartId))
            return new Promise(() => {})
          }
          if (broken) throw new Error('broken')
          return 'published'
        },
      })
      const tasks = tasksOf(openTab({ publish: () => new Promise(() => {}) }).log)
      await submit(tab, 'a')
      await until(() => tasks.get()[0]?.status === 'failed')
      broken = false
      expect(await tasks.retry(tasks.get()[0]?.id ?? '')).toBe(true)
      await reaches(async () => (await count(tab, 'CartPublished')) === 1)
      await until(() => tasks.get()[0]?.status === 'done')
      await submit(tab, 'hangs')
      await browser.pass(600)
      await until(() => tasks.get().some(({ progress }) => progress !== undefined))
      const [running] = tasks.get()
      expect(running).toMatchObject({ status: 'running', progress: { done: 1, of: 3 } })
      expect(await tasks.cancel(running?.id ?? '')).toBe(true)
      await until(() => aborted.length === 1)
      expect(await tasks.cancel(running?.id ?? '')).toBe(false)
      expect((await tasks.list()).map(({ status }) => status).sort()).toEqual(['cancelled', 'done'])
      expect(await tasks.discard()).toBe(2)
      expect(await tasks.list()).toEqual([])
      tasks.close()
    })
  })
}
