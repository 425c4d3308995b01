// The log as files that never change: as a server gives them, and as a stream that a reader goes on with where it stopped.

import { createHash } from 'node:crypto'
import { unwrap } from 'tidelog'
import { createSyncHandler, type ListedSegment, memoryStore, type SyncHandler } from 'tidelog/server'
import { exportLog, importLog, tidyProgress } from 'tidelog/transfer'
import { afterEach, expect, test } from 'vitest'
import { turns } from './tabs.ts'
import { added, created, devicesOf, readAll, type ShopLog, type ShopWorld, shopWorld } from './world.ts'

const worlds: ShopWorld[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})
const newWorld = (options: Parameters<typeof shopWorld>[0]): ShopWorld => {
  const world = shopWorld(options)
  worlds.push(world)
  return world
}
const contentOf = async (log: ShopLog) => (await readAll(log)).map((one) => JSON.parse(JSON.stringify(one)))

/** Lets time pass until something holds that also needs time of the machine. */
async function reach({ clock }: ShopWorld, holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) {
    clock.step()
    await turns()
  }
}

/** Segments of ten events, three behind the head. */
const limits = { segmentEvents: 10, segmentBehind: 3 }

function openServed(authenticate?: () => string) {
  let server: SyncHandler | undefined
  const serve = async (request: Request) => {
    // Its clock is the world's, so it is made with the first request.
    server ??= createSyncHandler({
      store: memoryStore(),
      limits,
      clock: world.clock,
      ...(authenticate === undefined ? {} : { authenticate }),
    })
    return server(request)
  }
  const world = newWorld({ devices: 1, serve })
  const [device] = devicesOf(world, 1)
  const { log } = device!
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    serve(
      new Request(`http://server.test/sync/shop/${path}`, { method, headers: { 'tidelog-protocol': '1', ...headers } }),
    )
  /** The manifest as it is now. */
  const list = async (): Promise<readonly ListedSegment[]> => (await (await get('segments')).json()).segments
  /** Confirms so many more events, and waits until they are sealed, but for the newest. */
  const grow = async (count: number) => {
    await Promise.all(Array.from({ length: count }, async (_, at) => unwrap(await log.append([added('c', `${at}`)]))))
    await world.settle()
    const { confirmed } = await log.logHead()
    const sealed = confirmed - limits.segmentBehind - limits.segmentEvents
    await reach(world, async () => ((await list()).at(-1)?.last ?? 0) > sealed)
    return confirmed
  }
  return { world, log, get, list, grow }
}
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer())
const forGood = /^public, max-age=(\d+), immutable$/

test('RX-32 a server gives the log as files in strict order, each to be kept for good, that no later event changes', async () => {
  const { get, list, grow } = openServed()
  let [files, listed]: [Uint8Array[], readonly ListedSegment[]] = [[], []]
  for (let round = 0; round < 3; round++) {
    const etag = (await get('segments')).headers.get('etag') ?? ''
    const confirmed = await grow(40)
    const now = await list()
    expect(now.length).toBeGreaterThan(listed.length)
    expect(now.slice(0, listed.length)).toEqual(listed)
    expect(now.map(({ first }) => first)).toEqual([1, ...now.slice(0, -1).map(({ last }) => last + 1)])
    for (const { first, last } of now)
      expect([last >= first, last <= confirmed - limits.segmentBehind]).toEqual([true, true])
    const responses = await Promise.all(now.map(({ hash }) => get(`segments/${hash}`)))
    for (const [at, { headers }] of responses.entries()) {
      expect([headers.get('etag'), headers.get('content-length')]).toEqual([`"${now[at]?.hash}"`, `${now[at]?.bytes}`])
      expect(Number(forGood.exec(headers.get('cache-control') ?? '')?.[1])).toBeGreaterThanOrEqual(86_400)
    }
    const bodies = await Promise.all(responses.map(bytesOf))
    expect(bodies.map((body) => createHash('sha256').update(body).digest('hex'))).toEqual(now.map(({ hash }) => hash))
    expect(bodies.slice(0, files.length)).toEqual(files)
    // The list itself is asked for each time, and told from the one that is known.
    const fresh = await get('segments', { 'if-none-match': etag })
    expect([fresh.status, fresh.headers.get('cache-control')]).toEqual([200, 'no-cache'])
    const known = await get('segments', { 'if-none-match': fresh.headers.get('etag') ?? '' })
    expect([known.status, await known.text()]).toEqual([304, ''])
    ;[files, listed] = [bodies, now]
  }
  const { hash } = listed[0]!
  const same = await get(`segments/${hash}`, { 'if-none-match': `"${hash}"` })
  expect([same.status, await same.text(), forGood.test(same.headers.get('cache-control') ?? '')]).toEqual([
    304,
    '',
    true,
  ])
  for (const method of ['PUT', 'POST', 'DELETE']) expect((await get(`segments/${hash}`, {}, method)).status).toBe(405)
  expect((await get(`segments/${'0'.repeat(64)}`)).status).toBe(404)
})

test('RX-32 only the reader itself keeps a file of a log that not everybody may read', async () => {
  const { get, list, grow } = openServed(() => 'ann')
  await grow(40)
  const { headers } = await get(`segments/${(await list())[0]?.hash}`)
  expect(headers.get('cache-control')).toMatch(/^private, max-age=\d+, immutable$/)
})

test('RX-32 the files of a server, one behind the other, are an export: they are imported as they are', async () => {
  const { log, get, list, grow } = openServed()
  await grow(60)
  const listed = await list()
  const through = listed.at(-1)?.last ?? 0
  const files = await Promise.all(listed.map(async ({ hash }) => bytesOf(await get(`segments/${hash}`))))
  const [carl] = devicesOf(newWorld({ devices: 1, seed: 2 }), 1)
  const { events, refused } = await importLog(carl!.log, new Blob(files)).finished
  expect([events, refused]).toEqual([through, []])
  await worlds[1]?.settle()
  expect(await contentOf(carl!.log)).toEqual((await contentOf(log)).slice(0, through))
})

test('RX-32 an export is a stream of pieces in order: who stops goes on behind its cursor, while the log grows and is packed', async () => {
  const world = newWorld({ devices: 2 })
  const [ann, bob] = devicesOf(world, 2)
  const pieces: Uint8Array[] = []
  const cursors: number[] = []
  const hasMore: boolean[] = []
  const packed = tidyProgress(ann!.log)
  for (let round = 0; round < 6; round++) {
    const log = round % 2 === 0 ? ann!.log : bob!.log
    unwrap(await log.append([created(`r${round}`)]))
    unwrap(await log.append(Array.from({ length: 699 }, (_, at) => added(`c${at % 50}`, `${round}`))))
    await world.settle()
    // Nobody reads for a while, and what is old is packed.
    if (round === 3) await reach(world, () => packed.get().done >= 2_000)
    if (round === 2 || round === 3) continue
    // A reader of another device takes up where the last one stopped, for one piece.
    const reader = round % 3 === 0 ? bob!.log : ann!.log
    for await (const { bytes, cursor } of exportLog(reader, { after: cursors.at(-1) ?? 0 })) {
      pieces.push(bytes)
      cursors.push(cursor)
      hasMore.push(cursor < (await reader.logHead()).confirmed)
      break
    }
  }
  packed.close()
  // What was packed meanwhile is a piece of its own.
  expect(new Set(hasMore)).toEqual(new Set([false, true]))
  for await (const { bytes, cursor } of exportLog(ann!.log, { after: cursors.at(-1) ?? 0 })) {
    pieces.push(bytes)
    cursors.push(cursor)
  }
  expect(cursors.every((cursor, at) => cursor > (cursors[at - 1] ?? 0))).toBe(true)
  expect(cursors.at(-1)).toBe(4_200)
  const other = newWorld({ devices: 1, seed: 3 })
  const [carl] = devicesOf(other, 1)
  expect(await importLog(carl!.log, pieces).finished).toMatchObject({ events: 4_200, refused: [] })
  await other.settle()
  expect(await contentOf(carl!.log)).toEqual(await contentOf(ann!.log))
  // Nothing is behind the end, and what is pending is in no piece.
  ann!.offline()
  unwrap(await ann!.log.append([created('pending')]))
  for await (const _piece of exportLog(ann!.log, { after: 4_200 })) expect.unreachable()
})
