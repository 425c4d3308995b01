import { isManifest, type ListedSegment } from '../src/protocol/sync.ts'
import { readFile, type SegmentFile } from '../src/segments/file.ts'
import { gunzip } from '../src/segments/gzip.ts'
import type { PlacedCommit } from '../src/segments/pack.ts'
import { commitsOf, readPart, type SealedEvent } from '../src/segments/part.ts'
import { json, origin, pushRequest, runOf } from './handler.fixture.ts'
import type { SyncHandler } from './handler.ts'
import type { Sketch } from './judge.fixture.ts'
import { nothing } from './sequence.ts'
import type { LogStore, SegmentStore } from './store.ts'

/** Segments of ten events, three behind the head. */
export const small = { segmentEvents: 10, segmentBehind: 3 }

export const get = (path: string, headers: Record<string, string> = {}): Request =>
  new Request(`${origin}/sync/${path}`, { headers: { ...json, ...headers } })

/** Commits of `size` events in four streams, named by `from` and the numbers after. */
export const sketchesOf = (from: number, count: number, size = 1): readonly Sketch[] =>
  Array.from({ length: count }, (_, at) => ({
    id: `c${from + at}`,
    events: Array.from({ length: size }, (_, n) => ({
      stream: `s${(from + at + n) % 4}`,
      type: 'Noted',
      data: { text: `Grüße 😀 ${from + at}` },
      ...(n % 2 === 0 ? { tags: [`k:${n}`] } : {}),
    })),
  }))

/** Pushes without a look at what is there already. */
export async function push(handler: SyncHandler, sketches: readonly Sketch[], log = 'cart'): Promise<number> {
  const response = await handler(pushRequest(runOf(sketches, nothing), json, `/sync/${log}/push`))
  return response.status
}

export async function listOf(handler: SyncHandler, log = 'cart'): Promise<readonly ListedSegment[]> {
  const manifest: unknown = await (await handler(get(`${log}/segments`))).json()
  if (!isManifest(manifest)) throw new Error(`no manifest: ${JSON.stringify(manifest)}`)
  return manifest.segments
}

/** The file of a segment as it goes out. */
export const bytesOf = async (handler: SyncHandler, hash: string, log = 'cart'): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await (await handler(get(`${log}/segments/${hash}`))).arrayBuffer())

export async function fileOf(handler: SyncHandler, hash: string, log = 'cart'): Promise<SegmentFile> {
  const file = await readFile(await bytesOf(handler, hash, log))
  if (file === undefined) throw new Error(`the file ${hash} can't be read`)
  return file
}

/** All that the segments of a log hold, in its order. */
export async function sealedCommits(handler: SyncHandler, log = 'cart'): Promise<readonly PlacedCommit[]> {
  const all: PlacedCommit[] = []
  for (const parts of await sealedParts(handler, log)) all.push(...commitsOf(parts))
  return all
}

export async function sealedParts(handler: SyncHandler, log = 'cart'): Promise<readonly (readonly SealedEvent[])[]> {
  const all: SealedEvent[][] = []
  for (const { hash } of await listOf(handler, log)) {
    const { parts } = await fileOf(handler, hash, log)
    all.push((await Promise.all(parts.map(gunzip))).flatMap((text) => readPart(text)))
  }
  return all
}

/** A store that tells what is done for its segments: `read {log}`, then `added {log} {last}`. */
export interface Told {
  readonly store: LogStore
  readonly lines: readonly string[]
  readonly say: (line: string) => void
  /** Resolves when a line was said. */
  readonly said: (line: string) => Promise<void>
}

export function toldStore(inner: LogStore): Told {
  const { segments } = inner
  if (segments === undefined) throw new Error('a store with segments')
  const lines: string[] = []
  const waiting = new Map<string, (() => void)[]>()
  const say = (line: string): void => {
    lines.push(line)
    for (const resolve of waiting.get(line) ?? []) resolve()
  }
  const said = (line: string): Promise<void> =>
    new Promise((resolve) => {
      if (lines.includes(line)) resolve()
      else waiting.set(line, [...(waiting.get(line) ?? []), resolve])
    })
  const add: SegmentStore['add'] = async (log, segment, gzipped, erased) => {
    await segments.add(log, segment, gzipped, erased)
    say(`added ${log} ${segment.last}`)
  }
  const range: LogStore['range'] = (log, after, limits) => {
    if (limits.commitsMax === sealedAtOnce) say(`read ${log}`)
    return inner.range(log, after, limits)
  }
  return { store: { ...inner, range, segments: { ...segments, add } }, lines, say, said }
}

/** Commits that a sealer reads at once, by which its reads are known. */
const sealedAtOnce = 500
