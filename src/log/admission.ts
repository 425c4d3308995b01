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
 * the query. Pure; the caller writes at the view's revision, so what was checked is what the write follows.
 */
export function admit(view: View, staged: readonly Commit[], incoming: Incoming): Admission {
  const { commit, after, failIf } = incoming
  if (isKnown(view, staged, incoming)) return { kind: 'known' }
  if (after !== undefined && isExpired(view, after)) return { kind: 'refuse', reason: toErrorReason(markerExpired()) }
  const refusal = checkVersions(view, staged, incoming)
  if (refusal !== undefined) return { kind: 'refuse', reason: refusal }
  if (failIf !== undefined) {
    const inGroup = staged.some((before) => before.events.some((event) => matches(failIf, event)))
    if (inGroup || view.changedSince(failIf, after)) return { kind: 'conflict', selectors: failIf, after }
  }
  return { kind: 'admit', versions: versionsAfter(view, staged, commit) }
}

/** Whether the id is here already; a retry gives a dead letter's id a new try. */
export const isKnown = (
  view: View,
  staged: readonly Commit[],
  { commit: { id }, isRetry }: Pick<Incoming, 'commit' | 'isRetry'>,
): boolean =>
  view.confirmed.positionOf(id) !== undefined ||
  view.pending.get(id) !== undefined ||
  (view.dead.has(id) && isRetry !== true) ||
  staged.some((before) => before.id === id)

const isExpired = (view: View, marker: Marker): boolean =>
  marker.database !== view.identity || marker.revision < view.floor || marker.revision > view.revision

function checkVersions(
  view: View,
  staged: readonly Commit[],
  { expected: all, after }: Incoming,
): AppendReason | undefined {
  for (const { stream, version: expected } of all) {
    const actual = view.versionOf(stream) + countIn(staged, stream)
    const moved = after !== undefined && view.changedSince([{ stream }], after)
    if (!moved && (expected === 'exists' ? actual > 0 : actual === expected)) continue
    const found = moved ? 'was changed since it was read' : `is at version ${actual}, not at ${expected}`
    const message = `stream ${stream} ${found}`
    return { type: 'VersionConflict', stream, expected, actual, message }
  }
  return undefined
}

const countIn = (staged: readonly Commit[], stream: string): number =>
  staged.reduce((sum, commit) => sum + commit.events.filter((event) => event.stream === stream).length, 0)

/** The version of each event in its stream. */
function versionsAfter(view: View, staged: readonly Commit[], commit: Commit): readonly number[] {
  const last = new Map(commit.events.map(({ stream }) => [stream, view.versionOf(stream)]))
  for (const { events } of staged)
    for (const { stream } of events) {
      const before = last.get(stream)
      if (before !== undefined) last.set(stream, before + 1)
    }
  return countOn(last, commit)
}

/** The versions of a commit's events behind the last ones of their streams. */
export const countOn = (last: Map<string, number>, commit: Commit): readonly number[] =>
  commit.events.map(({ stream }) => {
    const version = (last.get(stream) ?? 0) + 1
    last.set(stream, version)
    return version
  })
