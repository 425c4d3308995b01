import type { RefusalData } from '../core/command.ts'
import type { Commit } from '../core/commit.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Admission } from './admission.ts'
import type { MustBeKept } from './append-call.ts'
import type { Content } from './content.ts'
import type { PendingCommit } from './pending-queue.ts'
import type { View } from './view.ts'

/** A commit that is ready to be admitted, or what was found out of it before. */
export interface Ready {
  readonly commit: Commit
  readonly text: string
  readonly admission?: Admission
}

/** What becomes of a pending commit that is decided again. */
export type Ending =
  | { readonly kind: 'keep' | 'nothing-to-do' }
  | { readonly kind: 'replace'; readonly commit: Commit }
  /** Without a refusal: it was not decided, and its condition does not hold any more. */
  | { readonly kind: 'refuse'; readonly refusal?: RefusalData }

/** What decisions are made on. */
export interface Ground {
  readonly view: View
  readonly content: Content
  readonly clock: Clock
  readonly random: Random
}

/** Decides commands; handed to the engine where the rules of the app are known. */
export interface Deciding {
  /** Decides the commands of one group in order, each on the log and what is staged before it. */
  forGroup(
    ground: Ground,
    isLocal: boolean,
    mustBeKept: MustBeKept,
  ): (commit: Commit, staged: readonly Commit[]) => Promise<Ready>
  /** Decides pending commits again, in local order; it has to hear what becomes of each. Throws `Undecidable`. */
  forQueue(ground: Ground): {
    endingOf(item: PendingCommit): Promise<Ending>
    replace(item: PendingCommit, commit: Commit | undefined): void
  }
}
