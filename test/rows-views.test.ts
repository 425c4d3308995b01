// What views and notices promise, looked at from the disk and from the channel.

import { unwrap } from 'tidelog'
import { simulate } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { Disk, type Row } from './disk.ts'
import { addItem, ruledShop } from './types/deciders.ts'
import { define, events } from './types/shop.ts'
import { added, created } from './world.ts'

const open = (disk: Disk) => simulate(ruledShop, { devices: 1, database: () => disk.database })
let world: ReturnType<typeof open> | undefined
afterEach(async () => {
  await world?.close()
  world = undefined
})
function openShop() {
  const disk = new Disk()
  const made = open(disk)
  world = made
  return { disk, world: made, device: made.devices[0], log: made.devices[0].log }
}
type Shop = ReturnType<typeof openShop>

describe('a snapshot of a view', () => {
  const itemsOf = (count: number, from = 0) => Array.from({ length: count }, (_, at) => `${from + at}`)
  /** The items of all carts; counts how many events it folds. */
  const counting = (version: number) => {
    const folded = { count: 0 }
    const projection = define.projection<readonly string[]>({
      name: 'items',
      version,
      initial: [],
      on: {
        ItemAdded: (state, { data }) => {
          folded.count += 1
          return [...state, `${data.itemId}${version > 1 ? ` of ${version}` : ''}`]
        },
      },
    })
    return { folded, projection }
  }
  const snapshots = (disk: Disk): readonly Row[] =>
    disk.rows('state').filter(({ chain }) => String(chain).startsWith('snapshot/'))
  const positionsIn = (disk: Disk) => snapshots(disk).map(({ position }) => position)
  /** Confirms so many more items. */
  const add = async ({ world, log }: Pick<Shop, 'world' | 'log'>, items: readonly string[]) => {
    unwrap(await log.append(items.map((item) => added('c', item))))
    await world.settle()
  }
  /** Opens the view in a tab that was not there before, and says what it showed and how many events it took to. */
  const reopened = async ({ device }: Pick<Shop, 'device'>, version = 1) => {
    const { folded, projection } = counting(version)
    const tab = device.openTab()
    const state = await tab.view(projection).ready
    return { state, folds: folded.count, tab }
  }
  /** A shop whose view has a snapshot at 250. */
  const saved = async () => {
    const shop = openShop()
    await add(shop, itemsOf(250))
    const first = await reopened(shop)
    expect([first.folds, positionsIn(shop.disk)]).toEqual([250, [250]])
    await first.tab.close()
    return shop
  }

  test('AE-6 is saved each time 200 more events are confirmed, and the next tab folds only what came after it', async () => {
    const shop = openShop()
    const { folded, projection } = counting(1)
    const view = shop.log.view(projection)
    for (const [count, positions] of [
      [199, []],
      [1, [200]],
      [199, [200]],
      [150, [549]],
      [60, [549]],
    ] as const) {
      await add(shop, itemsOf(count, view.get().length))
      await view.waitFor((await shop.log.logHead()).marker)
      expect(positionsIn(shop.disk)).toEqual(positions)
    }
    // Pending or confirmed, each was folded: what is shown is the whole log.
    expect([view.get(), folded.count >= 609]).toEqual([itemsOf(609), true])
    expect(await reopened(shop)).toMatchObject({ state: itemsOf(609), folds: 60 })
  })

  test('AE-6 holds what is confirmed: what is pending comes on top, and goes again when it is withdrawn', async () => {
    const shop = openShop()
    await add(shop, itemsOf(250))
    shop.device.offline()
    const { receipt } = unwrap(await shop.log.append([added('c', 'pending')]))
    const withPending = [...itemsOf(250), 'pending']
    expect(await reopened(shop)).toMatchObject({ state: withPending, folds: 251 })
    expect(positionsIn(shop.disk)).toEqual([250])
    expect(await reopened(shop)).toMatchObject({ state: withPending, folds: 1 })
    await shop.log.withdraw(receipt)
    expect(await reopened(shop)).toMatchObject({ state: itemsOf(250), folds: 0 })
  })

  test('AE-6 belongs to one version of its projection: another one folds anew and keeps its own beside it', async () => {
    const shop = await saved()
    const newer = await reopened(shop, 2)
    expect(newer).toMatchObject({ state: itemsOf(250).map((item) => `${item} of 2`), folds: 250 })
    expect(positionsIn(shop.disk)).toEqual([250, 250])
    expect(await reopened(shop, 1)).toMatchObject({ state: itemsOf(250), folds: 0 })
    expect(await reopened(shop, 2)).toMatchObject({ state: newer.state, folds: 0 })
  })

  test('AE-6 that lags behind is brought up to date by the events after it, however many', async () => {
    const shop = await saved()
    await add(shop, itemsOf(180, 250))
    expect(await reopened(shop)).toMatchObject({ state: itemsOf(430), folds: 180 })
    expect(positionsIn(shop.disk)).toEqual([250])
  })

  const damages: Readonly<Record<string, Row>> = {
    'is cut short': { state: '{"state":["0","1"' },
    'is no JSON': { state: 'nonsense' },
    'is empty': { state: '' },
    'is null': { state: 'null' },
    'holds no state': { state: '{}' },
    'is no text': { state: 7 },
    'is gone': { state: undefined },
    'lies beyond the log, and is empty': { position: 251, state: '{"state":[]}' },
    'lies beyond the log': { position: 251, state: '{"state":["of another log"]}' },
    'has no position': { position: undefined },
    'has a position that can not be': { position: -1 },
    'is of another format': { format: 2 },
  }
  test.each(Object.entries(damages))(
    'AE-6 that %s counts as none: all is folded, and saved anew',
    async (_, damage) => {
      const shop = await saved()
      const isSnapshot = ({ chain }: Row) => String(chain).startsWith('snapshot/')
      shop.disk.damage('state', isSnapshot, damage)
      expect(await reopened(shop)).toMatchObject({ state: itemsOf(250), folds: 250 })
      expect(await reopened(shop)).toMatchObject({ state: itemsOf(250), folds: 0 })
    },
  )
})

test('AE-7 a notice goes out when its write is on the disk, each write is told once and in order, and nothing else is', async () => {
  const { disk, device, log, world: made } = openShop()
  device.offline()
  const other = device.openTab()
  await Promise.all([log.ready, other.ready])
  const told: { readonly previous: number; readonly head: number }[] = []
  device.loseNotices((message) => {
    const notice = message as { readonly kind: string; readonly previous: number; readonly head: number }
    if (notice.kind !== 'moved') return false
    const kept = disk.rows('writes').map(({ revision }) => revision)
    expect(kept).toContain(notice.head)
    told.push(notice)
    return false
  })
  /** Notices of a burst have gone out by then, and no heartbeat is due. */
  const moment = (): void => {
    let isOver = false
    made.clock.after(20, () => {
      isOver = true
    })
    while (!isOver) made.clock.step()
  }
  /** What is told until an act and a moment after it are over. */
  const toldBy = async (act: () => Promise<{ readonly ok: boolean }>) => {
    const from = told.length
    const { ok } = await act()
    moment()
    return [ok, told.slice(from).map(({ previous, head }) => `${previous} → ${head}`)]
  }
  const item = { cartId: 'c', itemId: 'i', productId: 'p', price: 1 }
  expect(await toldBy(() => log.append([created('c')], { expectedVersion: 0 }))).toEqual([true, ['0 → 1']])
  expect(await toldBy(() => log.append([created('c')], { expectedVersion: 0 }))).toEqual([false, []])
  const taken = { failIfEventsMatch: { types: ['CartCreated'] } } as const
  expect(await toldBy(() => other.append([created('c')], taken))).toEqual([false, []])
  for (const [at, tab] of [log, other, log].entries())
    expect(await toldBy(() => tab.execute(addItem, item))).toEqual([true, [`${at + 1} → ${at + 2}`]])
  expect(await toldBy(() => other.execute(addItem, item))).toEqual([false, []])
  expect(await toldBy(() => log.append([events.ItemAdded({} as never)]))).toEqual([false, []])
  disk.trouble = 'full'
  expect(await toldBy(() => log.append([added('c', 'full')]))).toEqual([false, []])
  disk.trouble = undefined
  // The same append again is no write.
  const mine = () => log.append([added('c', 'mine')], { commitId: 'mine' })
  expect([await toldBy(mine), await toldBy(mine)]).toEqual([
    [true, ['4 → 5']],
    [true, []],
  ])
  // In a burst several writes share a notice: none is left out, and none told twice.
  const from = told.length
  await Promise.all(Array.from({ length: 30 }, (_, at) => (at % 2 ? log : other).append([added('d', `${at}`)])))
  moment()
  const shared = disk.rows('writes').length
  const writes = told.slice(from).flatMap(({ previous, head }) => range(previous + 1, head))
  expect(writes.sort((a, b) => a - b)).toEqual(range(6, shared))
  for (let at = 0; at < 20; at++) unwrap(await log.append([added('d', `alone ${at}`)]))
  moment()
  const alone = told.filter(({ head }) => head > shared)
  expect(alone.map(({ previous }) => previous)).toEqual([shared, ...alone.slice(0, -1).map(({ head }) => head)])
  expect([alone.length < 20, alone.at(-1)?.head]).toEqual([true, shared + 20])
})

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)
