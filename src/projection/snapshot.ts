import { jsonIssues } from '../core/json.ts'
import type { Snapshot } from '../protocol/worker.ts'

/** A state as JSON text, or nothing when JSON would change it: such a state is folded again instead. */
export function snapshotText(state: unknown): string | undefined {
  return state !== undefined && jsonIssues(state, 'state').length > 0 ? undefined : JSON.stringify({ state })
}

/** The state of a snapshot; nothing when it can't be read, so that it is never taken for an empty state. */
export function parseSnapshot<S>({
  position,
  state,
}: Snapshot): { readonly position: number; readonly state: S } | undefined {
  try {
    const saved: { readonly state: S } = JSON.parse(state)
    return { position, state: saved.state }
  } catch {
    return undefined
  }
}
