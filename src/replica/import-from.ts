import { type AnyLog, insideOf } from '../client/inside.ts'
import { mustKnow } from '../core/errors.ts'

/** What was brought over. */
export interface Brought {
  /** Commits that this log has now, new or known before. */
  readonly commits: number
  /** Commits that are dead letters here now. */
  readonly letters: number
}
/** Options of {@link importFrom}. */
export interface ImportFrom {
  /** Hears after each step how many of the other log's confirmed events were looked at. */
  readonly onProgress?: (done: { readonly through: number; readonly head: number }) => void
  /** Stops between two steps. */
  readonly signal?: AbortSignal
}

/**
 * Appends what another log of this origin holds, such as the one from before the user signed in: new commits with the ids that
 * they had, so to do it again is harmless. Its pending commands are decided anew here; what is refused becomes a dead letter.
 * The other log stays as it is.
 */
export async function importFrom(
  target: AnyLog,
  source: AnyLog,
  { onProgress, signal, ...unknown }: ImportFrom = {},
): Promise<Brought> {
  mustKnow(unknown, '')
  const { call } = insideOf(target)
  const { database } = insideOf(source)
  let [commits, letters] = [0, 0]
  for (let after = 0; ; ) {
    signal?.throwIfAborted()
    const step = await call((api) => api.importFrom(database, after))
    commits += step.commits
    letters += step.letters
    onProgress?.({ through: step.through, head: step.head })
    if (step.isDone) return { commits, letters }
    after = step.through
  }
}
