import type { Commit } from '../core/commit.ts'
import { digestOfNothing } from '../core/digest.ts'
import type { Selector } from '../core/query.ts'
import type { Seen } from '../protocol/sync.ts'
import { above, EventIndex, type Window } from './event-index.ts'

/** Where the content of some positions rests. */
export interface RecordPlace {
  readonly first: number
  readonly last: number
  /** `log`: its key is `last`. `writes`: the row of this revision. */
  readonly key: number
}

/** What a view knows of the confirmed part: no content, only where it rests and what finds it. Grows at the end only. */
export class ConfirmedLog {
  readonly index: EventIndex = new EventIndex()
  #head: Seen = { position: 0, digest: digestOfNothing }
  readonly #ids = new Map<string, number>()
  /** Id, first position and revision of each commit. */
  readonly #order: string[] = []
  readonly #firsts: number[] = []
  readonly #revisions: number[] = []
  /** Last position and key of each record. */
  readonly #lasts: number[] = []
  readonly #keys: number[] = []

  get head(): Seen {
    return this.#head
  }

  /** Takes one record: commits that follow the head, each with the revision that brought it. */
  add(commits: readonly Commit[], revisions: readonly number[], key: number, digest: string): void {
    let position = this.#head.position
    commits.forEach((commit, at) => {
      this.#ids.set(commit.id, position + 1)
      this.#order.push(commit.id)
      this.#firsts.push(position + 1)
      this.#revisions.push(revisions[at] ?? 0)
      for (const event of commit.events) this.index.add(++position, event)
    })
    this.#lasts.push(position)
    this.#keys.push(key)
    this.#head = { position, digest }
  }

  /** First position of a commit. */
  positionOf(commitId: string): number | undefined {
    return this.#ids.get(commitId)
  }

  /** The commit that holds a position: its id and its last position. */
  commitAt(position: number): { readonly id: string; readonly last: number } {
    const at = above(this.#firsts, position) - 1
    return { id: this.#order[at] ?? '', last: (this.#firsts[at + 1] ?? this.#head.position + 1) - 1 }
  }

  /** The revision that brought the commit which holds a position. */
  revisionAt(position: number): number {
    return this.#revisions[above(this.#firsts, position) - 1] ?? 0
  }

  /** Positions that match, from the window; every position of the log is a candidate. */
  matching(selectors: readonly Selector[], window: Window): Generator<number> {
    return this.index.matching(selectors, { ...window, through: Math.min(window.through, this.#head.position) })
  }

  /** The record that holds a position. */
  recordOf(position: number): RecordPlace {
    const at = above(this.#lasts, position - 1)
    return { first: (this.#lasts[at - 1] ?? 0) + 1, last: this.#lasts[at] ?? 0, key: this.#keys[at] ?? 0 }
  }
}
