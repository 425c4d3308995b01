import { digestOfNothing, nextDigest } from '../src/core/digest.ts'
import { bug } from '../src/core/errors.ts'
import type { ListedSegment, Seen } from '../src/protocol/sync.ts'
import type { SequencedCommit } from './store.ts'

/** The end of a log that nobody has written to. */
export const nothing: Seen = { position: 0, digest: digestOfNothing }

/** What of a commit the sequencer needs to give it a place. */
export interface Placeable {
  readonly id: string
  readonly contentId: string
  readonly eventsCount: number
  readonly text: string
}

/** Gives commits their places and digests behind `head`. */
export function sequence(commits: readonly Placeable[], head: Seen): readonly SequencedCommit[] {
  let { position, digest } = head
  return commits.map(({ id, contentId, eventsCount, text }) => {
    const first = position + 1
    position += eventsCount
    digest = nextDigest(digest, id, contentId)
    return { first, last: position, digest, id, contentId, text }
  })
}

/** Every store calls this before it writes: a gap in a log could never be mended. */
export function mustFollow(commits: readonly SequencedCommit[], head: number): void {
  let position = head
  for (const { first, last } of commits) {
    if (first !== position + 1 || last < first) bug(`a commit at ${first} to ${last} can't follow ${position}`)
    position = last
  }
}

/** Whether a segment is the next one behind those that end with `last`. */
export const isNextSegment = ({ first }: ListedSegment, last: Pick<ListedSegment, 'last'> | undefined): boolean =>
  first === (last?.last ?? 0) + 1
