import type { AnyFact } from '../core/prepare.ts'

/** Events in one commit. */
const batchEventsMax = 100

interface Entry {
  /** Counts what was ever accepted. */
  readonly nth: number
  readonly fact: AnyFact
}
/** Events that are appended as one commit. It keeps its id over all its tries, so that they are one append. */
export interface Batch {
  readonly commitId: string
  readonly entries: readonly Entry[]
}

// first … │ current batch │ piece │ piece │ … last piece │ ← push
//
// Accepted events in order. There is one piece, except after a bisection: a batch is never cut across two pieces.
export class Backlog {
  readonly #newId: () => string
  #pieces: Entry[][] = [[]]
  #batch: Batch | undefined
  /** The batch is being appended, or may be in the log already: it must stay as it is. */
  #isPinned = false
  #mayBeThere = false
  #last = 0

  constructor(newId: () => string) {
    this.#newId = newId
  }

  get size(): number {
    return this.#pieces.reduce((sum, { length }) => sum + length, this.#batch?.entries.length ?? 0)
  }
  /** The number of the event that was accepted last. */
  get last(): number {
    return this.#last
  }
  /** Whether the batch may be in the log already. */
  get mayBeThere(): boolean {
    return this.#mayBeThere
  }
  /** Whether an event up to this number is still here. */
  holds(nth: number): boolean {
    const [first] = [this.#batch?.entries ?? [], ...this.#pieces].flatMap(([entry]) => entry ?? [])
    return first !== undefined && first.nth <= nth
  }

  push(fact: AnyFact): void {
    this.#last++
    this.#pieces.at(-1)?.push({ nth: this.#last, fact })
  }

  /** The batch to append next, which is the last one until that was taken or bisected. */
  next(): Batch | undefined {
    this.#batch ??= this.#cut()
    this.#isPinned = this.#batch !== undefined
    return this.#batch
  }

  /** The batch was appended. */
  taken(): void {
    this.#release()
  }

  /** The batch stays for another try; when nobody knows how this one ended, it may be in the log. */
  refused(mayBeThere: boolean): void {
    this.#mayBeThere ||= mayBeThere
    this.#isPinned = this.#mayBeThere
  }

  /** Parts the batch into halves, which are appended one after the other; a single event is given out. */
  bisect(): AnyFact | undefined {
    const { entries } = this.#release()
    if (entries.length <= 1) return entries[0]?.fact
    const middle = Math.ceil(entries.length / 2)
    this.#pieces.unshift(entries.slice(0, middle), entries.slice(middle))
    return undefined
  }

  /** Drops the oldest event that is surely not in the log; answers whether there is one. */
  dropOldest(): boolean {
    if (this.#batch !== undefined && !this.#isPinned) {
      // The rest of it is cut anew: other content is another append.
      const { entries } = this.#release()
      this.#pieces.unshift([...entries])
    }
    const piece = this.#pieces.find(({ length }) => length > 0)
    return piece?.shift() !== undefined
  }

  #cut(): Batch | undefined {
    while (this.#pieces.length > 1 && this.#pieces[0]?.length === 0) this.#pieces.shift()
    const entries = this.#pieces[0]?.splice(0, batchEventsMax) ?? []
    return entries.length > 0 ? { commitId: this.#newId(), entries } : undefined
  }

  #release(): { readonly entries: readonly Entry[] } {
    const { entries = [] } = this.#batch ?? {}
    this.#batch = undefined
    this.#isPinned = false
    this.#mayBeThere = false
    return { entries }
  }
}
