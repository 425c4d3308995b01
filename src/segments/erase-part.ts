import type { Commit, StoredEvent } from '../core/commit.ts'
import type { IsErased } from '../core/lifecycle.ts'
import { contentText } from './pack.ts'
import { lineBreak, listBreak } from './part-text.ts'

/** What is left of an event: all but its data. */
export const blankEvent = ({ type, stream, tags }: StoredEvent): StoredEvent => ({
  type,
  stream,
  data: null,
  tags,
  isErased: true,
})

/** A commit without what is to be removed, and without its metadata and its command where that is any of it; otherwise the same one. */
export function eraseInCommit<C extends Pick<Commit, 'events' | 'metadata' | 'command'>>(
  commit: C,
  first: number,
  isErased: IsErased,
): C {
  let isTouched = false
  const events = commit.events.map((event, at) => {
    if (event.isErased || !isErased(event, first + at)) return event
    isTouched = true
    return blankEvent(event)
  })
  return isTouched ? { ...commit, events, metadata: undefined, command: undefined } : commit
}

/** The text of a part without what is to be removed. */
export interface ErasedPart {
  readonly text: string
  /** Ids of the commits that lost something, here or, being among those given, elsewhere. */
  readonly commitIds: ReadonlySet<string>
  /** Ids of the events that are blank now. */
  readonly eventIds: readonly string[]
}

type Head = readonly [head: Omit<Commit, 'events'>, first: number, ...rest: number[]]
type Line = readonly [position: number, version: number, at: number, stored: StoredEvent]

/** Removes the data of events, and the metadata of their commits: of those that are named here, too, whose events lie elsewhere. */
export function erasePart(text: string, isErased: IsErased, named: ReadonlySet<string> = new Set()): ErasedPart {
  const end = text.indexOf(listBreak)
  const heads = text.slice(2, end).split(lineBreak)
  const lines = text.slice(end + listBreak.length, -2).split(lineBreak)
  const touched = new Set<number>()
  const eventIds: string[] = []
  const headAt = (at: number): Head => JSON.parse(heads[at] ?? '')
  const events = lines.map((line) => {
    const [position, version, at, stored]: Line = JSON.parse(line)
    if (!isErased(stored, position)) return line
    touched.add(at)
    const [{ contentId }, first] = headAt(at)
    eventIds.push(`${contentId}.${position - first}`)
    return `[${position},${version},${at}${contentText(blankEvent(stored))}`
  })
  const commitIds = new Set<string>()
  const erasedHeads = heads.map((line, at) => {
    const [head, ...rest] = headAt(at)
    if (!touched.has(at) && !named.has(head.id)) return line
    commitIds.add(head.id)
    return JSON.stringify([{ ...head, metadata: undefined }, ...rest])
  })
  return { text: `[[${erasedHeads.join(lineBreak)}${listBreak}${events.join(lineBreak)}]]`, commitIds, eventIds }
}
