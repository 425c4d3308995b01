import 'fake-indexeddb/auto'
import { existsSync } from 'node:fs'
import { unwrap } from 'tidelog'
import { VirtualClock } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { digestOfNothing, nextDigest } from '../src/core/digest.ts'
import { isPullAnswer, isPushAnswer } from '../src/protocol/sync.ts'
import { openIdbStore } from '../src/store/idb-store.ts'
import { createMemoryDatabase, openMemoryStore } from '../src/store/memory-store.ts'
import {
  ask,
  canonical,
  type Dump,
  databaseOf,
  dumpOf,
  fill,
  readFixture,
  serverOfToday,
  type WireExchange,
} from './format.ts'
import { cart, events } from './types/shop.ts'
import { added, created, devicesOf, readAll, type ShopLog, type ShopWorld, shopWorld } from './world.ts'

const folder = 'test/fixtures/format-1'
let world: ShopWorld | undefined
afterEach(() => world?.close())

interface Stored {
  readonly dump: Dump
  /** What the log gave when the file was made. */
  readonly events: readonly unknown[]
  readonly cart: unknown
  readonly letters: readonly Letter[]
}
interface Letter {
  readonly reason: { readonly events: readonly unknown[] }
}
const shownBy = async (log: ShopLog): Promise<Omit<Stored, 'dump'>> => {
  const view = log.view(cart, { cartId: 'c1' })
  await view.waitFor((await log.logHead()).marker)
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value))
  return { events: plain(await readAll(log)), cart: plain(view.get()), letters: plain(await log.deadLetters.list()) }
}

/** Letters say more than they did: what stood in the way, and how often it was decided. */
const asToldToday = (letter: Letter): object => ({ ...letter, attempt: 1, causedBy: letter.reason.events })
/** What sync remembers lies beside the log: what may have been sent, and when it tries again. */
const withoutSync = (dump: Dump): Dump => ({ ...dump, state: dump.state.filter(({ chain }) => chain !== 'sync') })
/** A rebase that moved nothing wrote the order out; now it says nothing of it. */
const inUnchangedOrder = (rows: readonly object[]): readonly object[] =>
  rows.map((row) => ('order' in row ? { ...row, order: [] } : row))

/** Appends, a pull, conflicts, a dead letter and a pending rest, as the database of the second device has them. */
async function makeHistory(): Promise<Stored> {
  const database = createMemoryDatabase('00000001-00000002-00000003')
  world = shopWorld({ devices: 2, seed: 5, database: (nth) => (nth === 1 ? database : undefined) })
  const [a, b] = devicesOf(world, 2)
  b!.offline()
  unwrap(await a!.log.append([created('c1'), added('c1', 'i1')], { metadata: { actor: 'ann', correlationId: 'k1' } }))
  unwrap(await a!.log.append('cart-c1', [events.ItemRemoved({ cartId: 'c1', itemId: 'i1' })], { expectedVersion: 2 }))
  await world.settle()
  unwrap(await b!.log.append([created('c1')], { expectedVersion: 0 }))
  unwrap(
    await b!.log.append([created('c2'), added('c2', 'Grüße 😀')], { failIfEventsMatch: { tags: { cartId: 'c2' } } }),
  )
  b!.online()
  await world.settle()
  b!.offline()
  unwrap(await b!.log.append([added('c1', 'i2')], { expectedVersion: 3 }))
  unwrap(
    await b!.log.append([
      { stream: 'x', events: [events.CartCleared({ cartId: 'c1' })] },
      { stream: 'y', events: [created('c3')] },
    ]),
  )
  return { dump: await dumpOf(openMemoryStore(database)), ...(await shownBy(b!.log)) }
}

describe('a database of format 1', () => {
  const stored = () => readFixture(`${folder}/database.json`, makeHistory)

  test('opens, and gives what it gave when it was written', async () => {
    const { dump, ...shown } = await stored()
    const database = await databaseOf(dump)
    world = shopWorld({ devices: 1, database: () => database })
    const [device] = devicesOf(world, 1)
    device!.offline()
    expect(await shownBy(device!.log)).toEqual({ ...shown, letters: shown.letters.map(asToldToday) })
    expect(withoutSync(await dumpOf(openMemoryStore(database)))).toEqual(dump)
  })

  test('takes appends, conditions and markers where it left off', async () => {
    const { dump } = await stored()
    const database = await databaseOf(dump)
    world = shopWorld({ devices: 1, database: () => database })
    const [device] = devicesOf(world, 1)
    device!.offline()
    const { log } = device!
    const { version } = await log.streamHead('cart-c1')
    expect((await log.append([added('c1', 'late')], { expectedVersion: version - 1 })).ok).toBe(false)
    unwrap(await log.append([added('c1', 'late')], { expectedVersion: version }))
    expect((await log.append([created('c2')], { failIfEventsMatch: { tags: { cartId: 'c2' } } })).ok).toBe(false)
    const after = await dumpOf(openMemoryStore(database))
    expect(after.writes.slice(0, -1)).toEqual(dump.writes)
    expect(after.log).toEqual(dump.log)
  })

  test('is written today as it was then, but for ids, times, and an order that a rebase left as it was', async () => {
    const { dump } = await stored()
    const today = withoutSync((await makeHistory()).dump)
    expect(today.writes.flatMap((row) => (row.kind === 'rebase' ? row.order : []))).toEqual([])
    for (const name of ['writes', 'log', 'dir', 'state'] as const)
      expect(canonical(inUnchangedOrder(today[name]))).toBe(canonical(inUnchangedOrder(dump[name])))
  })

  test('is the same in IndexedDB', async () => {
    const { dump } = await stored()
    const open = () => openIdbStore({ name: 'format-1', newId: () => 'another', clock: new VirtualClock() })
    const first = await open()
    await fill(first, dump)
    await first.close()
    const again = await open()
    expect(await dumpOf(again)).toEqual(dump)
    expect(again.identity).toBe('00000001-00000002-00000003')
    await again.close()
  })
})

const protocol = { 'tidelog-protocol': '1' }
const json = { ...protocol, 'content-type': 'application/json' }
const at = (position: number, digest: string) => ({ position, digest })
const toCommit = (id: string, cartId: string, condition?: object) => ({
  id,
  contentId: `${id}-content`,
  time: '2026-01-01T00:00:00.000Z',
  events: [{ type: 'CartCreated', stream: `cart-${cartId}`, data: { cartId }, tags: [`cartId:${cartId}`] }],
  ...(condition === undefined ? {} : { condition }),
})

/** What a device of format 1 asks, in order, of a server that was empty. */
function asked(): readonly (WireExchange['request'] & { readonly frames?: number })[] {
  const nothing = at(0, digestOfNothing)
  const one = at(1, nextDigest(digestOfNothing, 'a', 'a-content'))
  const push = (seen: object, ...commits: readonly object[]) => ({
    method: 'POST',
    path: '/sync/shop/push',
    headers: json,
    body: JSON.stringify({ protocol: 1, seen, commits }),
  })
  const get = (what: string, { position, digest }: ReturnType<typeof at>, frames?: number) => ({
    method: 'GET',
    path: `/sync/shop/${what}?position=${position}&digest=${digest}`,
    headers: protocol,
    ...(frames === undefined ? {} : { frames }),
  })
  const onC1 = { streams: ['cart-c1'], query: [{ types: ['CartCreated'], tags: ['cartId:c1'] }] }
  const wrong = { ...toCommit('w', 'c9'), events: [{ type: 'CartCleared', stream: 's', data: { cartId: 7 } }] }
  return [
    get('pull', nothing),
    push(nothing, toCommit('a', 'c1', onC1), { ...toCommit('b', 'c2'), metadata: { correlationId: 'k' } }),
    push(nothing, toCommit('a', 'c1', onC1), toCommit('c', 'c3')),
    push(nothing, toCommit('d', 'c1', onC1), toCommit('e', 'c4')),
    push(one, wrong, toCommit('f', 'c5')),
    get('pull', nothing),
    get('pull', one),
    get('pull', at(1, 'ffffffffffffffff')),
    push(at(1, 'ffffffffffffffff'), toCommit('g', 'c6')),
    get('live', one, 2),
    get('live', at(9, 'ffffffffffffffff'), 2),
    { ...get('pull', nothing), headers: {} },
    { method: 'POST', path: '/sync/shop/push', headers: json, body: '{"protocol":1}' },
    { method: 'GET', path: '/sync/shop/push', headers: protocol },
    { method: 'GET', path: '/elsewhere', headers: protocol },
  ]
}
async function makeCapture(): Promise<readonly WireExchange[]> {
  const server = serverOfToday()
  const capture: WireExchange[] = []
  for (const { frames, ...request } of asked()) capture.push({ request, answer: await ask(server, request, frames) })
  return capture
}

describe('the wire of format 1', () => {
  const stored = () => readFixture(`${folder}/wire.json`, makeCapture)

  test('is answered byte for byte by the server of today', async () => {
    const capture = await stored()
    const server = serverOfToday()
    for (const { request, answer } of capture) {
      const frames = answer.body.split('\n\n').length - 1
      expect({ path: request.path, ...(await ask(server, request, frames)) }).toEqual({ path: request.path, ...answer })
    }
  })

  test('is understood by the device of today', async () => {
    for (const { request, answer } of await stored()) {
      if (answer.status !== 200 || request.path.includes('/live')) continue
      const guard = request.path.includes('/push') ? isPushAnswer : isPullAnswer
      expect(guard(JSON.parse(answer.body))).toBe(true)
    }
  })

  test('holds every kind of verdict and answer', async () => {
    const text = JSON.stringify(await stored()).replaceAll('\\', '')
    for (const word of [
      'accepted',
      'duplicate',
      'conflict',
      'rejected',
      'held',
      'diverged',
      'event: page',
      '"status":426',
    ])
      expect(text).toContain(word)
  })
})

test('the files of the format are there', () => {
  expect(['database.json', 'wire.json'].filter((name) => !existsSync(`${folder}/${name}`))).toEqual([])
})
