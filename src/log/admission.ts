import type { Commit } from '../core/commit.ts'
import { closedType } from '../core/lifecycle.ts'
import type { Marker } from '../core/outcome.ts'
import { matches, type Selector } from '../core/query.ts'
import type { AppendReason } from '../protocol/worker.ts'
import { type Incoming, toErrorReason } from './append-call.ts'
import { closedStream } from './closed-stream.ts'
import { markerExpired } from './read-options.ts'
import type { View } from './view.ts'

export type Admission =
  | { readonly kind: 'admit'; readonly versions: readonly number[] }
  /** The id is here already, or earlier in the group. See {@link isKnown}. */
  | { readonly kind: 'known' }
  /** A command that asks for what is so already. */
  | { readonly kind: 'nothing-to-do' }
  | { readonly kind: 'refuse'; readonly reason: AppendReason }
  | { readonly kind: 'conflict'; readonly selectors: readonly Selector[]; readonly after: Marker | undefined }

/** What stands before an append in its group. */
export interface Staged {
  readonly commits: Commit[]
  readonly ids: Set<string>
  /** Streams that it closes. */
  readonly closed: Set<string>
  /** Ids of the group that may be sealed here already. */
  readonly perhapsSealed: ReadonlySet<string>
  /** The last version of each stream that was looked at, with what is staged. */
  readonly last: Map<string, number>
}

/** Looks up the versions of streams that are not known yet: once for a group, since each look may read the disk. */
export async function look(view: View, { last }: Staged, streams: readonly string[]): Promise<void> {
  const unknown = streams.filter((stream) => !last.has(stream))
  if (unknown.length === 0) return
  for (const [stream, version] of await view.versionsOf(unknown)) last.set(stream, version)
}

/** The streams whose versions an append depends on. */
export const streamsOf = ({ commit, expected }: Pick<Incoming, 'commit' | 'expected'>): readonly string[] =>
  [...commit.events, ...expected].map(({ stream }) => stream)

/**
 * Checks one append against a view and what stands before it in the same group: markers, expected versions, then the
 * query. What is admitted is staged. The caller writes at the revision that the view had before, so what was checked
 * is what the write follows.
 */
export async function admit(view: View, staged: Staged, incoming: Incoming, commit: Commit): Promise<Admission> {
  const { after, failIf, expected } = incoming
  if (after !== undefined && isExpired(view, after)) return { kind: 'refuse', reason: toErrorReason(markerExpired()) }
  await look(view, staged, streamsOf({ commit, expected }))
  const stream = await closedStream(view, commit.events, { staged: staged.closed })
  if (stream !== undefined)
    return { kind: 'refuse', reason: { type: 'StreamClosed', stream, message: `stream ${stream} is closed` } }
  const refusal = await checkVersions(view, staged.last, incoming)
  if (refusal !== undefined) return { kind: 'refuse', reason: refusal }
  if (failIf !== undefined) {
    const inGroup = staged.commits.some((before) => before.events.some((event) => matches(failIf, event)))
    if (inGroup || (await view.changedSince(failIf, after))) return { kind: 'conflict', selectors: failIf, after }
  }
  staged.commits.push(commit)
  staged.ids.add(commit.id)
  for (const event of commit.events) if (event.type === closedType) staged.closed.add(event.stream)
  return { kind: 'admit', versions: countOn(staged.last, commit) }
}

/** Whether the id is here already; a retry gives a dead letter's id a new try. */
export const isKnown = async (
  view: View,
  staged: Staged,
  { commit: { id }, isRetry }: Pick<Incoming, 'commit' | 'isRetry'>,
): Promise<boolean> =>
  view.pending.get(id) !== undefined ||
  (view.dead.has(id) && isRetry !== true) ||
  staged.ids.has(id) ||
  view.confirmed.positionOf(id) !== undefined ||
  (staged.perhapsSealed.has(id) && (await view.positionOf(id)) !== undefined)

const isExpired = (view: View, marker: Marker): boolean =>
  marker.database !== view.identity || marker.revision < view.floor || marker.revision > view.revision

async function checkVersions(
  view: View,
  versions: ReadonlyMap<string, number>,
  { expected: all, after }: Incoming,
): Promise<AppendReason | undefined> {
  for (const { stream, version: expected } of all) {
    const actual = versions.get(stream) ?? 0
    const moved = after !== undefined && (await view.changedSince([{ stream }], after))
    if (!moved && (expected === 'exists' ? actual > 0 : actual === expected)) continue
    const message = `stream ${stream} ${moved ? 'was changed since it was read' : foundOf(actual, expected)}`
    return { type: 'VersionConflict', stream, expected, actual, message }
  }
  return undefined
}

const foundOf = (actual: number, expected: number | 'exists'): string => {
  if (expected === 'exists') return 'does not exist'
  return `is at version ${actual}, not at ${expected}`
}

/** The versions of a commit's events behind the last ones of their streams. */
export const countOn = (last: Map<string, number>, commit: Commit): readonly number[] =>
  commit.events.map(({ stream }) => {
    const version = (last.get(stream) ?? 0) + 1
    last.set(stream, version)
    return version
  })
