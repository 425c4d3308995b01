import type { Commit } from '../core/commit.ts'
import { type DecodedEvent, decodeEvent } from '../core/decode.ts'
import { mustBe } from '../core/errors.ts'
import type { EventMap, Fact } from '../core/event.ts'
import { isText } from '../core/guard.ts'
import { commitIdMax } from '../core/limits.ts'
import { createCell } from '../core/observable.ts'
import type { Recorded, UnknownEvent } from '../core/recorded.ts'
import type { MovedNotice } from '../protocol/notice.ts'
import type { DeadLetterData } from '../protocol/worker.ts'
import type { Connection } from './connection.ts'
import type { DeadLetter, DeadLetters } from './types.ts'

/** The dead letters of a log, watched while somebody subscribes. */
export class DeadLetterBox<M extends EventMap> implements DeadLetters<M> {
  readonly #connection: Connection
  readonly #definitions: EventMap
  readonly #cell = createCell<readonly DeadLetter<M>[]>([])
  #watchers = 0

  constructor(connection: Connection, definitions: EventMap) {
    this.#connection = connection
    this.#definitions = definitions
  }

  readonly get = (): readonly DeadLetter<M>[] => this.#cell.get()

  readonly subscribe = (onChange: () => void): (() => void) => {
    this.#watchers += 1
    if (this.#watchers === 1) this.list().catch(() => {})
    const stop = this.#cell.subscribe(onChange)
    return () => {
      this.#watchers -= 1
      stop()
    }
  }

  readonly list = async (): Promise<readonly DeadLetter<M>[]> => {
    const letters = await this.#connection.call((api) => api.listDeadLetters())
    const list = letters.map((letter) => toLetter<M>(this.#definitions, letter))
    this.#cell.set(list)
    return list
  }

  readonly discard = async (commitId: string): Promise<boolean> => {
    mustBe(isText(commitId, commitIdMax), 'discard takes the commitId of a dead letter')
    const was = await this.#connection.call((api) => api.discardDeadLetter(commitId))
    await this.list()
    return was
  }

  /** Only a pull or a rebase changes the letters. */
  moved(notice: MovedNotice | undefined): void {
    if (this.#watchers > 0 && notice?.row?.kind !== 'append') this.list().catch(() => {})
  }
}

function toLetter<M extends EventMap>(definitions: EventMap, letter: DeadLetterData): DeadLetter<M> {
  const commit: Commit = JSON.parse(letter.commit)
  const events = commit.events.map(({ type, data }) => ({ type, data })) as unknown[] as readonly Fact<M>[]
  return Object.freeze({ commitId: letter.id, events, time: letter.time, reason: reasonOf<M>(definitions, letter) })
}

/** The reason of a refusal with its events in the shape of the model. */
export function reasonOf<M extends EventMap>(
  definitions: EventMap,
  { reason }: DeadLetterData,
): DeadLetter<M>['reason'] {
  if (reason.type === 'Rejected') return reason
  const events: readonly (DecodedEvent | UnknownEvent)[] = reason.events.map((one) => decodeEvent(definitions, one))
  return { type: 'Conflict', events: events as readonly (Recorded<M> | UnknownEvent)[] }
}
