import type { Commit } from '../src/core/commit.ts'
import { closedType } from '../src/core/lifecycle.ts'
import { matches, type QueryItemData, type Selectable, type Selector } from '../src/core/query.ts'
import type { Seen } from '../src/protocol/sync.ts'
import { refuse } from './problems.ts'
import type { SequencedCommit } from './store.ts'
import { readStored } from './stored.ts'

/** What the judge needs to know of a stored commit. */
export interface TailCommit {
  readonly id: string
  readonly contentId: string
  readonly first: number
  readonly last: number
}

/**
 * The log after what a device has seen, indexed by term, so that a condition costs what it touches and not the length
 * of the tail: a run of a thousand conditions meets up to ten thousand events.
 */
export interface Tail {
  readonly head: () => Seen
  /** `events` are those in its text, for who has read them. */
  readonly add: (commit: SequencedCommit, events?: Commit['events']) => void
  readonly find: (id: string) => TailCommit | undefined
  /** Positions of the first `max` events that must not be there, without those of commits in `own` (by their last position). */
  readonly forbidden: (asked: Asked, own: ReadonlySet<number>, max: number) => readonly number[]
}

/** What must not be there for a commit to be taken. */
interface Asked {
  readonly condition: Commit['condition']
  readonly closing: readonly Selector[]
}

interface TailEvent {
  readonly position: number
  readonly commitLast: number
  readonly event: Selectable
}

/** `comparisonsMax` bounds what all conditions together may cost, in terms compared; beyond it the request is refused. */
export function createTail(seen: Seen, comparisonsMax: number = Number.POSITIVE_INFINITY): Tail {
  let head = seen
  let comparisons = 0
  const byId = new Map<string, TailCommit>()
  const events: TailEvent[] = []
  const byTerm = new Map<string, TailEvent[]>()

  const post = (term: string, event: TailEvent): void => {
    const postings = byTerm.get(term)
    if (postings === undefined) byTerm.set(term, [event])
    else postings.push(event)
  }
  const add: Tail['add'] = (commit, stored = readStored(commit).events) => {
    const { id, contentId, first, last, digest } = commit
    if (!byId.has(id)) byId.set(id, { id, contentId, first, last })
    head = { position: last, digest }
    stored.forEach(({ type, stream, tags }, index) => {
      const event = {
        position: first + index,
        commitLast: last,
        event: tags ? { type, stream, tags } : { type, stream },
      }
      events.push(event)
      post(streamTerm(stream), event)
      post(typeTerm(type), event)
      for (const tag of tags ?? []) post(tagTerm(tag), event)
    })
  }

  const postingsOf = (term: string): readonly TailEvent[] => byTerm.get(term) ?? []
  /** A superset of what an item matches, as short as the index can make it. */
  const candidates = ({ types, tags }: QueryItemData): readonly TailEvent[] => {
    if (tags !== undefined && tags.length > 0)
      return tags.map((tag) => postingsOf(tagTerm(tag))).reduce((a, b) => (b.length < a.length ? b : a))
    return types === undefined ? events : [...new Set(types)].flatMap((type) => postingsOf(typeTerm(type)))
  }
  const spend = (count: number): void => {
    comparisons += count
    // As for a run that is too long: the device sends less at once.
    if (comparisons > comparisonsMax) refuse(413, 'too-many', 'The conditions of the run take too long to check')
  }
  const forbidden: Tail['forbidden'] = ({ condition, closing }, own, max) => {
    const positions = new Set<number>()
    for (const stream of new Set(condition?.streams)) {
      const postings = postingsOf(streamTerm(stream))
      spend(postings.length)
      for (const { position, commitLast } of postings) if (!own.has(commitLast)) positions.add(position)
    }
    for (const item of condition?.query ?? []) {
      const found = candidates(item)
      spend(found.length * (1 + (item.types?.length ?? 0) + (item.tags?.length ?? 0)))
      for (const { position, commitLast, event } of found)
        if (!own.has(commitLast) && matches([item], event)) positions.add(position)
    }
    const closings = postingsOf(typeTerm(closedType))
    spend(closings.length * closing.length)
    for (const { position, commitLast, event } of closings)
      if (!own.has(commitLast) && matches(closing, event)) positions.add(position)
    return [...positions].sort((a, b) => a - b).slice(0, max)
  }
  return { head: () => head, add, find: (id) => byId.get(id), forbidden }
}

const streamTerm = (stream: string): string => `s:${stream}`
const typeTerm = (type: string): string => `t:${type}`
const tagTerm = (tag: string): string => `g:${tag}`
