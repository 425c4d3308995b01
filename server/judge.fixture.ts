import type { Commit, CommitCondition, StoredEvent } from '../src/core/commit.ts'
import { closingOf } from '../src/core/lifecycle.ts'
import type { Seen } from '../src/protocol/sync.ts'
import type { Candidate, Rejected } from './judge.ts'
import { nothing, sequence } from './sequence.ts'
import type { SequencedCommit } from './store.ts'
import { createTail, type Tail } from './tail.ts'

/** A commit as tests write it: `content` tells two decisions of one id apart. */
export interface Sketch {
  readonly id: string
  readonly content?: string
  readonly events?: readonly (Pick<StoredEvent, 'stream'> & Partial<StoredEvent>)[]
  readonly condition?: CommitCondition
  readonly rejected?: boolean
}

export const toCommit = ({ id, content = 'p', events = [{ stream: 's' }], condition }: Sketch): Commit => ({
  id,
  contentId: `${id}.${content}`,
  time: '2026-01-01T00:00:00.000Z',
  events: events.map((event) => ({ type: 'Noted', data: null, ...event })),
  ...(condition === undefined ? {} : { condition }),
})

export function toCandidate(sketch: Sketch): Candidate | Rejected {
  const { condition, ...content } = toCommit(sketch)
  const { id, contentId, events } = content
  if (sketch.rejected === true) return { id, contentId, problem: { type: 'about:blank', title: 'no' } }
  const text = JSON.stringify(content)
  return { id, contentId, condition, closing: closingOf(events), eventsCount: events.length, text }
}

export const toSequenced = (sketches: readonly Sketch[], head: Seen = nothing): readonly SequencedCommit[] =>
  sequence(
    sketches.map((sketch) => ({ ...toCandidate(sketch), ...placeable(sketch) })),
    head,
  )

const placeable = (sketch: Sketch): { readonly eventsCount: number; readonly text: string } => {
  const { condition: _checked, ...content } = toCommit(sketch)
  return { eventsCount: content.events.length, text: JSON.stringify(content) }
}

export function toTail(sketches: readonly Sketch[]): Tail {
  const tail = createTail(nothing)
  for (const commit of toSequenced(sketches)) tail.add(commit)
  return tail
}
