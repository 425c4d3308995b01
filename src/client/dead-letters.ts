import { decodeAll } from '../core/decode.ts'
import type { EventMap, Fact } from '../core/event.ts'
import { createCell } from '../core/observable.ts'
import type { DeadLetterData } from '../protocol/worker.ts'
import type { Call } from './connection.ts'
import type { Feed } from './feed.ts'
import type { DeadLetter, DeadLetters } from './types.ts'

/** The dead letters of a log. */
export function createDeadLetters<M extends EventMap>(call: Call, feed: Feed, definitions: EventMap): DeadLetters<M> {
  const cell = createCell<readonly DeadLetter<M>[]>([])
  const list = async (): Promise<readonly DeadLetter<M>[]> => {
    const letters = await call((api) => api.listDeadLetters())
    const before = cell.get()
    const isSame = letters.length === before.length && letters.every(({ id }, at) => before[at]?.commitId === id)
    if (!isSame) cell.set(letters.map((letter) => toLetter<M>(definitions, letter)))
    return cell.get()
  }
  let seen: number | undefined
  feed.onMoved((notice) => {
    // An append changes no letters.
    if (notice !== undefined && notice.reordered === seen) return
    seen = notice?.reordered
    list().catch(() => {})
  })
  const discard = async (commitId: string): Promise<boolean> => {
    const was = await call((api) => api.discardDeadLetter(commitId))
    await list()
    return was
  }
  return { ...cell, list, discard }
}

function toLetter<M extends EventMap>(
  definitions: EventMap,
  { id, commit, time, reason }: DeadLetterData,
): DeadLetter<M> {
  const { events }: { readonly events: readonly Fact<M>[] } = JSON.parse(commit)
  return {
    commitId: id,
    events,
    time,
    reason: (reason.type === 'Rejected'
      ? reason
      : { ...reason, events: decodeAll(definitions, reason.events) }) as DeadLetter<M>['reason'],
  }
}
