// What the simulator has seen, as plain data: all that the oracle judges by.
import type { Command, RuleName } from './rules.ts'
import type { Entry, Fact, Look } from './theatre.ts'

export type { Fact, Look }

/** What has to hold of the log in front of a commit. */
export type Rule =
  | { readonly kind: 'version'; readonly stream: string; readonly version: number }
  | { readonly kind: 'exists'; readonly stream: string }
  | { readonly kind: 'none'; readonly look: Look }
  /** The events that match are the very ones that were read. */
  | { readonly kind: 'same'; readonly look: Look; readonly ids: readonly string[] }

/** What was asked of a decider. */
export interface Asked {
  readonly rule: RuleName
  readonly command: Command
}

/** One write that a user asked for. */
export interface Sent {
  readonly id: string
  readonly device: string
  /** What an append writes; a decision writes what its rule makes of the log. */
  readonly facts: readonly Fact[]
  readonly rules: readonly Rule[]
  readonly asked?: Asked | undefined
  /** The server takes it from nobody. */
  readonly isForbidden: boolean
  /** `open` until an answer came; a tab that dies takes the answer along. */
  answer: 'open' | 'ok' | 'refused' | 'failed'
}

export interface Sequenced {
  readonly id: string
  readonly contentId: string
  readonly first: number
  readonly last: number
  readonly facts: readonly Fact[]
}

export interface TabEvidence {
  readonly name: string
  /** All events as the tab reads them, and as its view has folded them. */
  readonly read: readonly Entry[]
  readonly view: readonly Entry[]
  readonly confirmed: number
  readonly pending: number
}
export interface Letter {
  readonly commitId: string
  readonly reason: string
  /** Of its content. */
  readonly isForbidden: boolean
}
export interface Ending {
  readonly status: string
  readonly position?: number
}
export interface DeviceEvidence {
  readonly name: string
  readonly tabs: readonly TabEvidence[]
  readonly letters: readonly Letter[]
  /** Ids of what was acknowledged here. */
  readonly acknowledged: ReadonlySet<string>
  /** Dead letters that the user threw away, or tried to, or tried again when perhaps nothing was left to do. */
  readonly discarded: ReadonlySet<string>
  /** Commits that the user took back, or tried to; and those of which the log said that they were never sent. */
  readonly withdrawn: ReadonlySet<string>
  readonly unsent: ReadonlySet<string>
  /** Those that the log agreed to take back. */
  readonly takenBack: ReadonlySet<string>
  /** How `whenConfirmed` says that each acknowledged commit ended. */
  readonly endings: ReadonlyMap<string, Ending>
  /** What `whenConfirmed` said on the way. */
  readonly promised: readonly { readonly id: string; readonly position: number }[]
}
export interface Evidence {
  readonly log: readonly Sequenced[]
  readonly devices: readonly DeviceEvidence[]
  readonly sent: readonly Sent[]
}
