import { type Erasure, erasedType, erasing, erasureOf, type IsErased } from '../src/core/lifecycle.ts'
import type { ListedSegment } from '../src/protocol/sync.ts'
import { eraseInCommit, erasePart } from '../src/segments/erase-part.ts'
import { hashOf, packFile, readFile } from '../src/segments/file.ts'
import { type Bytes, gunzip, gzip } from '../src/segments/gzip.ts'
import type { ErasureStore, LogStore } from './store.ts'
import { readStored } from './stored.ts'

/** Erasures of a log up to a position. */
export interface DueErasures {
  readonly erasures: readonly Erasure[]
  readonly through: number
}
export interface EraseContext {
  readonly store: LogStore
  readonly erasures: ErasureStore
  /** Lets other work go first; throws when erasing is to stop. */
  readonly pause: () => Promise<void>
}

/** What is read of the store without a pause. */
const pageLimits = { commitsMax: 400, bytesMax: 500_000 }
/** Looks at a list of segments before it is given up for now: each other process changes it a few times. */
const looksMax = 100

/** The erasures behind a position. */
export async function scan(
  store: LogStore,
  log: string,
  after: number,
  pause: EraseContext['pause'],
): Promise<DueErasures> {
  const erasures: Erasure[] = []
  for (let through = after; ; ) {
    await pause()
    const { commits } = await store.range(log, through, pageLimits)
    for (const commit of commits) {
      through = commit.last
      if (!commit.text.includes(erasedType)) continue
      readStored(commit).events.forEach((event, at) => {
        const erasure = erasureOf(event, commit.first + at)
        if (erasure !== undefined) erasures.push(erasure)
      })
    }
    if (commits.length === 0) return { erasures, through }
  }
}

/** Removes what erasures name from the commits of a log, then from its segments; with the last write they count as carried out. */
export async function eraseIn(context: EraseContext, log: string, { erasures, through }: DueErasures): Promise<void> {
  const removal = removalOf(erasures)
  await eraseCommits(context, log, removal)
  await eraseSegments(context, log, removal, through)
}

interface Removal {
  readonly isErased: IsErased
  readonly erasures: readonly Erasure[]
  /** Nothing behind this position is removed. */
  readonly end: number
}
const removalOf = (erasures: readonly Erasure[]): Removal => ({
  erasures,
  isErased: erasing(erasures),
  end: Math.max(...erasures.map(({ through }) => through)),
})

async function eraseCommits({ store, erasures, pause }: EraseContext, log: string, removal: Removal): Promise<void> {
  const names = removal.erasures.map(({ stream }) => (stream === undefined ? '' : JSON.stringify(stream)))
  for (let after = 0; after < removal.end; ) {
    await pause()
    const page = await store.range(log, after, pageLimits)
    if (page.commits.length === 0) return
    const commits = page.commits.flatMap((stored) => {
      if (!names.some((name) => stored.text.includes(name))) return []
      const commit = readStored(stored)
      const erased = eraseInCommit(commit, stored.first, removal.isErased)
      return erased === commit ? [] : { last: stored.last, was: stored.text, text: JSON.stringify(erased) }
    })
    // Otherwise another process erases here too, and the page is read again.
    if (commits.length === 0 || (await erasures.put(log, { through: 0, commits, segments: [] })))
      after = page.commits.at(-1)?.last ?? removal.end
  }
}

/** Looks through the segments until there is none that it has not seen; then it is said that all is done. */
async function eraseSegments(
  { store, erasures, pause }: EraseContext,
  log: string,
  { isErased, end }: Removal,
  through: number,
): Promise<void> {
  const seen = new Set<string>()
  for (let nth = 0; nth < looksMax; nth++) {
    await pause()
    const listed = (await store.segments?.list(log)) ?? []
    let isAll = true
    for (const one of listed) {
      if (one.first > end || seen.has(one.hash)) continue
      const file = await store.segments?.get(log, one.hash)
      const replaced = file instanceof Uint8Array ? await eraseInFile(one, file, isErased, pause) : undefined
      const isLeft =
        file instanceof Uint8Array &&
        (replaced === undefined || (await erasures.put(log, { through: 0, commits: [], segments: [replaced] })))
      if (isLeft) seen.add(replaced?.segment.hash ?? one.hash)
      else isAll = false
    }
    const done = { through, commits: [], segments: [], sealed: listed.at(-1)?.last ?? 0 }
    if (isAll && (await erasures.put(log, done))) return
  }
  throw new Error(`the segments of ${log} change all the time, or can't be read`)
}

/** A file in the place of another one. */
export interface ReplacedSegment {
  readonly was: string
  readonly segment: ListedSegment
  readonly file: Bytes
}

async function eraseInFile(
  listed: ListedSegment,
  bytes: Bytes,
  isErased: IsErased,
  pause: EraseContext['pause'],
): Promise<ReplacedSegment | undefined> {
  const before = await readFile(bytes)
  if (before === undefined) throw new Error(`the segment ${listed.hash} can't be read`)
  const texts: string[] = []
  const commitIds = new Set<string>()
  for (const part of before.parts) {
    await pause()
    const text = await gunzip(part)
    texts.push(text)
    for (const id of erasePart(text, isErased).commitIds) commitIds.add(id)
  }
  let isChanged = false
  const parts: Bytes[] = []
  for (const [at, text] of texts.entries()) {
    await pause()
    // Metadata stands wherever a commit has events.
    const erased = erasePart(text, isErased, commitIds)
    isChanged ||= erased.text !== text
    parts.push(erased.text === text ? (before.parts[at] as Bytes) : await gzip(erased.text))
  }
  if (!isChanged) return undefined
  const file = await packFile({ ...before, parts })
  const segment = { ...listed, hash: await hashOf(file), bytes: file.length }
  return { was: listed.hash, segment, file }
}
