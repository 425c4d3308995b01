import type { Commit } from '../core/commit.ts'
import type { Marker } from '../core/outcome.ts'
import { matches, type Selector } from '../core/query.ts'
import type { AppendReason } from '../protocol/worker.ts'
import { type Incoming, toErrorReason } from './append-call.ts'
import { markerExpired } from './read-options.ts'
import type { View } from './view.ts'

export type Admission =
  | { readonly kind: 'admit'; readonly versions: readonly number[] }
  /** The id is here already, or earlier in the group. */
  | { readonly kind: 'known' }
  /** A command that asks for what is so already. */
  | { readonly kind: 'nothing-to-do' }
  | { readonly kind: 'refuse'; readonly reason: AppendReason }
  | { readonly kind: 'conflict'; readonly selectors: readonly Selector[]; readonly after: Marker | undefined }

/**
 * Checks one append against a view and what stands before it in the same group: ids, markers, expected versions, then
 * the query. The caller writes at the revision that the view had before, so what was checked is what the write follows.
 */
export async function admit(view: View, staged: readonly Commit[], incoming: Incoming): Promise<Admission> {
  const { commit, after, failIf, expected } = incoming
  if (await isKnown(view, staged, incoming)) return { kind: 'known' }
  if (after !== undefined && isExpired(view, after)) return { kind: 'refuse', reason: toErrorReason(markerExpired()) }
  const streams = [...commit.events, ...expected].map(({ stream }) => stream)
  const versions = await view.versionsOf(streams)
  for (const before of staged)
    for (const { stream } of before.events) versions.set(stream, (versions.get(stream) ?? 0) + 1)
  const refusal = await checkVersions(view, versions, incoming)
  if (refusal !== undefined) return { kind: 'refuse', reason: refusal }
  if (failIf !== undefined) {
    const inGroup = staged.some((before) => before.events.some((event) => matches(failIf, event)))
    if (inGroup || (await view.changedSince(failIf, after))) return { kind: 'conflict', selectors: failIf, after }
  }
  return { kind: 'admit', versions: countOn(versions, commit) }
}

/** Whether the id is here already; a retry gives a dead letter's id a new try. */
export const isKnown = async (
  view: View,
  staged: readonly Commit[],
  { commit: { id }, isRetry }: Pick<Incoming, 'commit' | 'isRetry'>,
): Promise<boolean> =>
  view.pending.get(id) !== undefined ||
  (view.dead.has(id) && isRetry !== true) ||
  staged.some((before) => before.id === id) ||
  (await view.positionOf(id)) !== undefined

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
    const found = moved ? 'was changed since it was read' : `is at version ${actual}, not at ${expected}`
    const message = `stream ${stream} ${found}`
    return { type: 'VersionConflict', stream, expected, actual, message }
  }
  return undefined
}

/** The versions of a commit's events behind the last ones of their streams. */
export const countOn = (last: Map<string, number>, commit: Commit): readonly number[] =>
  commit.events.map(({ stream }) => {
    const version = (last.get(stream) ?? 0) + 1
    last.set(stream, version)
    return version
  })
