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

/**
 * What a view knows of the confirmed events that are not sealed: no content, only where it rests and what finds it. Grows at
 * the end, and gives up its beginning to segments.
 */
export class ConfirmedTail {
  readonly index: EventIndex = new EventIndex()
  /** Positions up to here are sealed. */
  #base = 0
  #head: Seen = { position: 0, digest: digestOfNothing }
  readonly #ids = new Map<string, number>()
  /** Id, first position and revision of each commit. */
  readonly #order: string[] = []
  readonly #firsts: number[] = []
  readonly #revisions: number[] = []
  /** Last position and key of each record. */
  readonly #lasts: number[] = []
  readonly #keys: number[] = []
  readonly #digests: string[] = []

  get head(): Seen {
    return this.#head
  }

  /** Begins behind what is sealed. */
  start(sealed: Seen): void {
    this.#base = sealed.position
    this.#head = sealed
  }

  /** Gives up what is sealed now: whole records. */
  forget(through: number): void {
    const commits = above(this.#firsts, through)
    const records = above(this.#lasts, through)
    for (const id of this.#order.splice(0, commits)) this.#ids.delete(id)
    this.#firsts.splice(0, commits)
    this.#revisions.splice(0, commits)
    this.#lasts.splice(0, records)
    this.#keys.splice(0, records)
    this.#digests.splice(0, records)
    this.index.forget(through)
    this.#base = Math.max(this.#base, through)
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
    this.#digests.push(digest)
    this.#head = { position, digest }
  }

  /** First position of a commit, unless it is sealed. */
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

  /** Positions that match, from the window; every position of the tail is a candidate. */
  matching(selectors: readonly Selector[], { after, through, ...rest }: Window): Generator<number> {
    const window = { after: Math.max(after, this.#base), through: Math.min(through, this.#head.position), ...rest }
    return this.index.matching(selectors, window)
  }

  /** The digest of the log up to the end of a record. */
  digestAt(last: number): string {
    return this.#digests[above(this.#lasts, last) - 1] ?? ''
  }

  /** The record that holds a position. */
  recordOf(position: number): RecordPlace {
    const at = above(this.#lasts, position - 1)
    return { first: (this.#lasts[at - 1] ?? this.#base) + 1, last: this.#lasts[at] ?? 0, key: this.#keys[at] ?? 0 }
  }
}
