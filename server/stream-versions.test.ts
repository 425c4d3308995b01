import { describe, expect, test } from 'vitest'
import { readFile } from '../src/segments/file.ts'
import { fill, toldServer } from './sealer.fixture.ts'
import { listOf, sketchesOf } from './segments.fixture.ts'
import type { SegmentStore } from './store.ts'
import { createStreamVersions } from './stream-versions.ts'

const pause = async (): Promise<void> => {}
/** Each of the four streams in so many events. */
const all = (version: number): ReadonlyMap<string, number> =>
  new Map(['s0', 's1', 's2', 's3'].map((stream) => [stream, version]))

/** Segments of 20 events, two for each log, and the logs whose files were read. */
async function sealed(...logs: readonly string[]) {
  const { store, handler, said } = toldServer(undefined, { limits: { segmentEvents: 20, segmentBehind: 0 } })
  const read: string[] = []
  for (const log of logs) {
    await fill(store, sketchesOf(0, 40), log)
    await listOf(handler, log)
    await said(`added ${log} 40`)
  }
  const segments: SegmentStore = {
    ...store.segments!,
    get: async (log, hash) => {
      read.push(log)
      return store.segments!.get(log, hash)
    },
  }
  return { segments, read }
}

describe('the versions of streams in segments', () => {
  test('are those of their last events, and each file is read once', async () => {
    const { segments, read } = await sealed('a')
    const versions = createStreamVersions(segments, pause)
    const [first, second] = await segments.list('a')
    expect(await versions('a', [])).toEqual(new Map())
    expect(await versions('a', [first!])).toEqual(all(5))
    expect(await versions('a', [first!, second!])).toEqual(all(10))
    expect(await versions('a', [first!, second!])).toEqual(all(10))
    expect(read).toEqual(['a', 'a'])
  })
  test('come from a file that is at hand, which is not read then', async () => {
    const { segments, read } = await sealed('a')
    const listed = await segments.list('a')
    const [{ hash } = { hash: '' }] = listed
    const bytes = await segments.get('a', hash)
    if (!(bytes instanceof Uint8Array)) throw new Error('a file')
    const { directory } = (await readFile(bytes))!
    read.length = 0
    expect(await createStreamVersions(segments, pause)('a', listed, { hash, directory })).toEqual(all(10))
    expect(read).toEqual(['a'])
  })
  test('are counted anew for a log whose segments are others than they were', async () => {
    const { segments } = await sealed('a', 'b')
    const versions = createStreamVersions(segments, pause)
    const listed = await segments.list('a')
    expect(await versions('a', listed)).toEqual(all(10))
    expect(await versions('a', listed.slice(0, 1))).toEqual(all(5))
    expect(await versions('a', [])).toEqual(new Map())
    expect(await versions('a', listed)).toEqual(all(10))
  })
  test('of the log that was asked about longest ago are forgotten when there are too many', async () => {
    const { segments, read } = await sealed('a', 'b', 'c')
    const versions = createStreamVersions(segments, pause, 10)
    const ask = async (log: string): Promise<void> => {
      expect(await versions(log, await segments.list(log))).toEqual(all(10))
    }
    for (const log of ['a', 'b', 'a', 'c', 'a', 'b']) await ask(log)
    expect(read).toEqual(['a', 'a', 'b', 'b', 'c', 'c', 'b', 'b'])
  })
  test('of a log with more streams than that are remembered as long as no other is asked about', async () => {
    const { segments, read } = await sealed('a', 'b')
    const versions = createStreamVersions(segments, pause, 2)
    for (const log of ['a', 'a', 'b', 'a']) await versions(log, await segments.list(log))
    expect(read).toEqual(['a', 'a', 'b', 'b', 'a', 'a'])
  })
  test('are not known when a file is gone or broken, and are once it is back', async () => {
    const { segments } = await sealed('a')
    const listed = await segments.list('a')
    let give: SegmentStore['get'] = async () => undefined
    const versions = createStreamVersions({ ...segments, get: (log, hash) => give(log, hash) }, pause)
    await expect(versions('a', listed)).rejects.toThrow(`the segment ${listed[0]?.hash} is listed and is not there`)
    give = async (log, hash) => {
      const bytes = await segments.get(log, hash)
      return bytes instanceof Uint8Array ? bytes.slice(0, -9) : bytes
    }
    await expect(versions('a', listed)).rejects.toThrow()
    give = segments.get
    expect(await versions('a', listed)).toEqual(all(10))
  })
})
