import type { CommandData, CommitCondition, StoredEvent } from './commit.ts'
import type { Issue } from './outcome.ts'
import type { Selector } from './query.ts'
import type { PlacedEvent } from './recorded.ts'

/** A decider's "no" as data. */
export interface RefusalData {
  readonly type: string
  readonly data?: unknown
}

/** What a decider made of a command: facts, none if there is nothing to do, a "no", or facts that can't be stored. */
export type Decided =
  | { readonly kind: 'events'; readonly events: readonly StoredEvent[] }
  | { readonly kind: 'refused'; readonly refusal: RefusalData }
  | { readonly kind: 'invalid'; readonly issues: readonly Issue[] }

/** One command in the hands of its decider. Pure: the same events give the same decision. */
export interface Ruling {
  /** Rulings of one key fold the same events to the same state. */
  readonly key: string
  /** What is read for the decision, and must not have changed when it is sequenced. */
  readonly condition: CommitCondition
  readonly selectors: readonly Selector[]
  readonly initial: unknown
  fold(state: unknown, events: readonly PlacedEvent[]): unknown
  decide(state: unknown): Decided
}

/** Finds the ruling for a command. Throws {@link Undecidable}, as the ruling does. */
export type Deciders = (command: CommandData) => Ruling

/** Why nothing can be said of a command here: that is no "no". */
export type UndecidedType = 'needs-decider' | 'update-needed' | 'decider-failed'
export class Undecidable extends Error {
  readonly type: UndecidedType
  constructor(type: UndecidedType, message: string) {
    super(message)
    this.type = type
  }
}
