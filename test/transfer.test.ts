import { unwrap } from 'tidelog'
import { type Export, exportLog, importLog, syncProgress, tidyProgress } from 'tidelog/transfer'
import { expect, test } from 'vitest'
import { added, created, devicesOf, readAll, type ShopLog, shopWorld } from './world.ts'

/** A log of 60 events in commits of one and two, confirmed, and one that is pending. */
async function filled() {
  const world = shopWorld()
  const [ann, bob] = devicesOf(world, 2)
  for (let n = 0; n < 20; n++) {
    unwrap(await ann!.log.append([created(`c${n}`)], { metadata: { note: `${n}` } }))
    unwrap(await bob!.log.append([added(`c${n % 7}`, `i${n}`), added(`c${n}`, `j${n}`)]))
  }
  await world.settle()
  ann!.offline()
  unwrap(await ann!.log.append([created('pending')]))
  return { world, log: ann!.log }
}
const contentOf = async (log: ShopLog) =>
  (await readAll(log)).filter(({ stream }) => !stream.includes('pending')).map(({ position: _, ...event }) => event)

const bytesOf = async (exported: Export): Promise<Uint8Array<ArrayBuffer>> => {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  for await (const { bytes } of exported) pieces.push(bytes)
  return new Uint8Array(await new Blob(pieces).arrayBuffer())
}

test('RX-32 an exported log, cut anywhere, is imported with its ids, times, metadata and versions', async () => {
  const { world, log } = await filled()
  const file = await bytesOf(exportLog(log))
  const other = shopWorld({ devices: 2, seed: 2 })
  const [carl, dora] = devicesOf(other, 2)
  const pieces = Array.from({ length: Math.ceil(file.length / 77) }, (_, at) => file.subarray(at * 77, at * 77 + 77))
  const importing = importLog(carl!.log, pieces, { total: 60 })
  expect(await importing.finished).toEqual({ commits: 40, events: 60, refused: [] })
  expect(importing.progress.get()).toMatchObject({ done: 60, total: 60, remainingMs: 0 })
  expect(await contentOf(carl!.log)).toEqual(await contentOf(log))
  await other.settle()
  expect(await contentOf(dora!.log)).toEqual(await contentOf(log))
  await Promise.all([world.close(), other.close()])
})

test('RX-32 an export goes on behind the cursor of any of its pieces', async () => {
  const { world, log } = await filled()
  const all = await readAll(log)
  for (const after of [0, 1, 3, 30, 57, 60]) {
    const exporting = exportLog(log, { after })
    const pieces: Uint8Array[] = []
    for await (const { bytes, cursor } of exporting) {
      pieces.push(bytes)
      expect(cursor).toBe(60)
    }
    expect(exporting.progress.get()).toMatchObject(after < 60 ? { done: 60 - after, total: 60 - after } : { done: 0 })
    const other = shopWorld({ devices: 1, seed: 3 })
    const [carl] = devicesOf(other, 1)
    const wanted = all.filter(({ position = 0 }) => position > after && position <= 60)
    const { events } = await importLog(carl!.log, pieces).finished
    expect(events).toBe(wanted.length)
    expect((await readAll(carl!.log)).map(({ id }) => id)).toEqual(wanted.map(({ id }) => id))
    await other.close()
  }
  await world.close()
})

test('what is there already stays once, and other content under a known id is refused', async () => {
  const { world, log } = await filled()
  const file = await bytesOf(exportLog(log))
  const other = shopWorld({ devices: 1, seed: 4 })
  const [carl] = devicesOf(other, 1)
  const [first] = await readAll(log)
  unwrap(await carl!.log.append([created('mine')], { commitId: first!.commitId }))
  const { refused } = await importLog(carl!.log, [file]).finished
  expect(refused).toEqual([{ commitId: first!.commitId, reason: 'IdTaken' }])
  const once = await readAll(carl!.log)
  expect(await importLog(carl!.log, new Blob([file])).finished).toMatchObject({ commits: 40, refused })
  // As in an engine whose streams can't be iterated.
  const body = Object.assign(new Blob([file]).stream(), { [Symbol.asyncIterator]: undefined })
  expect(await importLog(carl!.log, body as ReadableStream).finished).toMatchObject({ commits: 40, refused })
  expect((await readAll(carl!.log)).map(({ id }) => id)).toEqual(once.map(({ id }) => id))
  await Promise.all([world.close(), other.close()])
})

test('what is no export, or is cut short, is refused with a typed error, and what came before stays', async () => {
  const { world, log } = await filled()
  const file = await bytesOf(exportLog(log))
  const other = shopWorld({ devices: 1, seed: 5 })
  const [carl] = devicesOf(other, 1)
  const more = new TextEncoder().encode('more\n')
  for (const wrong of [
    more,
    new TextEncoder().encode('{"format":2}\n'),
    file.slice(0, -1),
    file.with(-30, file.at(-30)! ^ 1),
    new Uint8Array([...file, ...more]),
    'a text' as never,
  ])
    await expect(importLog(carl!.log, [wrong]).finished).rejects.toMatchObject({ name: 'tidelog/argument' })
  expect(await readAll(carl!.log)).toHaveLength(60)
  expect(() => importLog({ sync: carl!.log.sync }, [file])).toThrow("a log can't be")
  await Promise.all([world.close(), other.close()])
})

test('an import stops between two pieces when its signal says so', async () => {
  const { world, log } = await filled()
  const file = await bytesOf(exportLog(log))
  const other = shopWorld({ devices: 1, seed: 6 })
  const [carl] = devicesOf(other, 1)
  const { finished } = importLog(carl!.log, [file], { signal: AbortSignal.abort(new Error('enough')) })
  await expect(finished).rejects.toThrow('enough')
  expect(await readAll(carl!.log)).toHaveLength(0)
  await Promise.all([world.close(), other.close()])
})

test('the progress of a sync tells how far the log has followed its server', async () => {
  const world = shopWorld()
  const [ann, bob] = devicesOf(world, 2)
  bob!.offline()
  for (let n = 0; n < 5; n++) unwrap(await ann!.log.append([created(`c${n}`)]))
  await world.settle()
  const progress = syncProgress(bob!.log)
  const seen: (number | undefined)[][] = []
  progress.subscribe(() => seen.push([progress.get().done, progress.get().total]))
  bob!.online()
  await world.settle()
  expect(seen.at(-1)).toEqual([5, 5])
  progress.close()
  await world.close()
})

test('the progress of tidying tells how much is packed, and does not wait for what is too new', async () => {
  const world = shopWorld({ devices: 1 })
  const [ann] = devicesOf(world, 1)
  const progress = tidyProgress(ann!.log)
  const reaches = async (done: number): Promise<void> => {
    await world.settle()
    while (progress.get().done !== done || progress.get().total !== done) {
      world.clock.step()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await reaches(0)
  for (let n = 0; n < 3; n++)
    unwrap(await ann!.log.append(Array.from({ length: 900 }, (_, at) => added(`c${at}`, `${n}`))))
  await reaches(2_700)
  unwrap(await ann!.log.append([created('late')]))
  await world.settle()
  expect((await ann!.log.logHead()).confirmed).toBe(2_701)
  await reaches(2_700)
  progress.close()
  await world.close()
})
