import { type Commit, isCommit, type StoredEvent } from '../core/commit.ts'
import { digestOfNothing } from '../core/digest.ts'
import { mustBe } from '../core/errors.ts'
import { isCount } from '../core/guard.ts'
import { type ErasureData, erasedType, isErasureData } from '../core/lifecycle.ts'
import type { AppendAnswer, ExportAnswer, ImportAnswer } from '../protocol/worker.ts'
import { readFile, type SegmentFile, toFile } from '../segments/file.ts'
import { type Bytes, gunzip } from '../segments/gzip.ts'
import type { PlacedCommit } from '../segments/pack.ts'
import { commitsOf, readPart } from '../segments/part.ts'
import type { Appender } from './appender.ts'
import type { Engine } from './engine.ts'
import { contentOf, countByStream, packCalmly, sealOptions } from './seal.ts'
import type { SealedLog } from './sealed-log.ts'
import { SegmentGone } from './shelf.ts'

/** Commits that are imported at once: others come in between. */
export const importedMax = 200

/** The first confirmed events behind a position as a segment file. */
export async function exportSegment(engine: Engine, after: number): Promise<ExportAnswer> {
  mustBe(isCount(after), 'after', after)
  await engine.catchUp()
  return engine.steadily(async () => {
    const { sealed, confirmed } = engine.view
    const head = confirmed.head.position
    if (after >= head) return { through: after, head }
    const { before, all, digest } = await stretchOf(engine, after)
    if (engine.view.sealed !== sealed) throw new SegmentGone()
    const skipped = countByStream(all.filter(({ first }) => first <= after))
    const commits = all.filter(({ first }) => first > after).map((one) => ({ ...one, revision: 0 }))
    const counts = await before.countsOf(countByStream(commits).keys())
    const segment = await packCalmly(
      engine,
      commits,
      (stream) => (counts.get(stream) ?? 0) + (skipped.get(stream) ?? 0),
    )
    return { file: await toFile(segment, digest || digestOfNothing), through: segment.last, head }
  })
}

/** The segment that holds the event behind a position, or so many events that are not sealed, and what is before them. */
async function stretchOf(
  { view, store }: Engine,
  after: number,
): Promise<{ readonly before: SealedLog; readonly all: readonly PlacedCommit[]; readonly digest: string }> {
  const { sealed, confirmed } = view
  const place = sealed.segments.find(({ last }) => last > after)
  if (place !== undefined)
    return { before: sealed.until(place.first), all: await sealed.commitsOf(place), digest: place.digest }
  const { last } = confirmed.recordOf(Math.min(confirmed.head.position, after + sealOptions.max))
  return { before: sealed, all: (await contentOf(store, view, last)).commits, digest: confirmed.digestAt(last) }
}

/** Some of the confirmed commits behind a position, in order; none behind the head. */
export function commitsBehind(engine: Engine, after: number): Promise<readonly PlacedCommit[]> {
  return engine.steadily(async () => {
    const { sealed, confirmed } = engine.view
    if (after >= confirmed.head.position) return []
    const { all } = await stretchOf(engine, after)
    if (engine.view.sealed !== sealed) throw new SegmentGone()
    return all.filter(({ first }) => first > after)
  })
}

/** Appends the commits of a segment file as they are; those that are known stay. Throws `tidelog/argument` for any other bytes. */
export async function importSegment(appender: Appender, bytes: Bytes): Promise<ImportAnswer> {
  const file = await readFile(bytes)
  const commits = file === undefined ? [] : await commitsIn(file).catch(() => [])
  const events = commits.reduce((sum, commit) => sum + commit.events.length, 0)
  const isWhole = file !== undefined && events === file.last - file.first + 1
  mustBe(isWhole && commits.every(isCommit), 'a segment file', `${bytes.length} bytes`)
  const answers: AppendAnswer[] = []
  for (let from = 0; from < commits.length; from += importedMax) {
    const some = commits.slice(from, from + importedMax)
    answers.push(...(await appender.append(some.map((commit) => [JSON.stringify(commit), '{"options":{}}']))))
  }
  return {
    through: file?.last ?? 0,
    commits: commits.length,
    events,
    refused: answers.flatMap((answer, at) =>
      answer.ok ? [] : [{ commitId: commits[at]?.id ?? '', reason: answer.reason.type }],
    ),
  }
}

async function commitsIn({ parts }: SegmentFile): Promise<readonly Commit[]> {
  const texts = await Promise.all(parts.map(gunzip))
  return commitsOf(texts.flatMap((text) => readPart(text))).map(({ commit }) => withoutPlaces(commit))
}

/** A position means another event in another log: what an erasure removed up to one is removed in the file already. */
export function withoutPlaces(commit: Commit): Commit {
  const hasPlace = ({ type, data }: StoredEvent): boolean =>
    type === erasedType && isErasureData(data) && data.through !== undefined
  if (!commit.events.some(hasPlace)) return commit
  const events = commit.events.map((event) =>
    hasPlace(event) ? { ...event, data: { ...(event.data as ErasureData), through: 0 } } : event,
  )
  return { ...commit, events }
}
