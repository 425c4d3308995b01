import type { Commit } from '../core/commit.ts'
import type { AnyDecider } from '../core/decider.ts'
import { decodeIn } from '../core/decode.ts'
import { mustBe } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { createCell } from '../core/observable.ts'
import type { DeadLetterData } from '../protocol/worker.ts'
import { toOutcome } from './appends.ts'
import type { Call } from './connection.ts'
import type { Feed } from './feed.ts'
import type { DeadLetter, DeadLetters } from './types.ts'

/** The dead letters of a log. */
export function createDeadLetters<M extends EventMap, Ds extends AnyDecider>(
  call: Call,
  feed: Feed,
  definitions: EventMap,
): DeadLetters<M, Ds> {
  const cell = createCell<readonly DeadLetter<M, Ds>[]>([])
  const data = (): Promise<readonly DeadLetterData[]> => call((api) => api.listDeadLetters())
  let shown = ''
  const list = async (): Promise<readonly DeadLetter<M, Ds>[]> => {
    const letters = await data()
    const keys = `${letters.map(({ id, time }) => id + time)}`
    if (keys !== shown) cell.set(letters.map((letter) => toLetter<M, Ds>(definitions, letter)))
    shown = keys
    return cell.get()
  }
  let seen: number | undefined
  feed.onMoved((notice) => {
    // An append changes no letters, unless it tries one again.
    const reordered = notice?.reordered ?? -1
    if (reordered >= 0 && reordered === seen && cell.get().length === 0) return
    seen = reordered
    list().catch(() => {})
  })
  return {
    ...cell,
    list,
    discard: async (commitId) => {
      const was = await call((api) => api.discardDeadLetter(commitId))
      await list()
      return was
    },
    retry: async (commitId) => {
      const answer = await call((api) => api.retryDeadLetter(commitId))
      mustBe(answer !== undefined, 'a dead letter', commitId)
      await list()
      return toOutcome(definitions, commitId, answer) as Awaited<ReturnType<DeadLetters<M, Ds>['retry']>>
    },
    export: async () => JSON.stringify({ format: 'tidelog-dead-letters', version: 1, letters: await data() }),
  }
}

function toLetter<M extends EventMap, Ds extends AnyDecider>(
  definitions: EventMap,
  { id, commit, time, reason }: DeadLetterData,
): DeadLetter<M, Ds> {
  const { events, command, attempt = 1 }: Commit = JSON.parse(commit)
  const shown = decodeIn(definitions, reason)
  const letter = {
    commitId: id,
    events,
    causedBy: 'events' in shown ? shown.events : [],
    time,
    attempt,
    decider: command?.name,
    command: command?.data,
    reason: shown.type === 'Refused' ? shown.refusal : shown,
  }
  // Plain here, of the model's types there: what is kept came from the model's deciders.
  return letter as unknown as DeadLetter<M, Ds>
}
