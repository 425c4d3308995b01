import type { Commit, StoredEvent } from '../core/commit.ts'
import { erasedType } from '../core/lifecycle.ts'

/** Whether a repeated append asks for the same. A confirmed commit does not say any more what was asked for. */
export const isSameAsk = (present: Commit, commit: Commit): boolean =>
  commit.command === undefined
    ? isSameFacts(present.events, commit.events)
    : present.command === undefined || JSON.stringify(present.command) === JSON.stringify(commit.command)

/** What was erased does not say any more what its data was. */
const isSameFacts = (present: readonly StoredEvent[], events: readonly StoredEvent[]): boolean =>
  present.length === events.length && present.every((fact, at) => factOf(fact, fact) === factOf(events[at], fact))

const factOf = (event: StoredEvent | undefined, { isErased, type }: StoredEvent): string =>
  JSON.stringify([
    event?.type,
    event?.stream,
    event?.tags,
    // An import changes the position in an erasure.
    ...(isErased || type === erasedType ? [] : [event?.data, event?.v]),
  ])
