import type { Commit } from '../core/commit.ts'
import { conditionToSelectors, matches, type Selectable, type Selector } from '../core/query.ts'
import { EventIndex } from './event-index.ts'

/** A commit that the sequencer has not confirmed. */
export interface PendingCommit {
  readonly commit: Commit
  /** Revision of the write that brought this content. */
  readonly revision: number
  /** What left the log before it, and its condition looks at: it has to be decided again. */
  readonly touched: boolean
}

/**
 * The pending commits of a log in local order. 1. Ids are unique. 2. The order is that of the `writes` rows, as the
 * last rebase row left it. 3. What is taken out marks those behind it whose conditions look at it.
 */
export class PendingQueue {
  #items: PendingCommit[] = []
  #byId = new Map<string, PendingCommit>()
  #index = new EventIndex()
  #ordinal = 0

  get size(): number {
    return this.#items.length
  }
  get first(): PendingCommit | undefined {
    return this.#items[0]
  }
  list(): readonly PendingCommit[] {
    return this.#items
  }
  get(id: string): PendingCommit | undefined {
    return this.#byId.get(id)
  }

  push(commit: Commit, revision: number): void {
    const item: PendingCommit = { commit, revision, touched: false }
    this.#items.push(item)
    this.#byId.set(commit.id, item)
    this.#indexEvents(commit)
  }

  countOf(stream: string): number {
    return this.#index.countOf(stream)
  }

  /** Whether an event of the queue matches. */
  holds(selectors: readonly Selector[]): boolean {
    return !this.#index.matching(selectors, { after: 0, through: this.#ordinal }).next().done
  }

  /** Takes commits out; `marking` marks those behind them whose condition matches what left. */
  remove(ids: ReadonlySet<string>, marking: ReadonlySet<string>): void {
    if (ids.size === 0) return
    const left: Selectable[] = []
    this.#reset(
      this.#items.flatMap((item) => {
        const { id, events, condition } = item.commit
        if (ids.has(id)) {
          if (marking.has(id)) left.push(...events)
          return []
        }
        if (left.length === 0 || item.touched) return [item]
        const selectors = conditionToSelectors(condition)
        return [left.some((event) => matches(selectors, event)) ? { ...item, touched: true } : item]
      }),
    )
  }

  /** The queue after a rebase: contents replaced, the given order, nothing touched any more. */
  rebase(replaced: ReadonlyMap<string, Commit>, order: readonly string[], revision: number): void {
    const place = new Map(order.map((id, at) => [id, at]))
    const items = this.#items.map((item): PendingCommit => {
      const commit = replaced.get(item.commit.id)
      return commit === undefined ? { ...item, touched: false } : { commit, revision, touched: false }
    })
    for (const [id, commit] of replaced) if (!this.#byId.has(id)) items.push({ commit, revision, touched: false })
    this.#reset(items.sort((a, b) => (place.get(a.commit.id) ?? 0) - (place.get(b.commit.id) ?? 0)))
  }

  #reset(items: PendingCommit[]): void {
    this.#items = items
    this.#byId = new Map(items.map((item) => [item.commit.id, item]))
    this.#index = new EventIndex()
    this.#ordinal = 0
    for (const { commit } of items) this.#indexEvents(commit)
  }

  #indexEvents(commit: Commit): void {
    for (const event of commit.events) {
      this.#ordinal += 1
      this.#index.add(this.#ordinal, event)
    }
  }
}
