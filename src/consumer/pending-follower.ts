import { decodeAll, decodeText } from '../core/decode.ts'
import { mustBe, mustKnow } from '../core/errors.ts'
import { type AnyQuery, scopeToSelectors } from '../core/queries.ts'
import { Wake } from '../core/wake.ts'
import { widen } from '../core/widen.ts'
import type { AnyScope, ChangesAnswer } from '../protocol/worker.ts'
import { endingOf } from './ending.ts'
import type { AnyEvent } from './handling.ts'
import type { ConsumerPorts } from './ports.ts'
import type { CommitChange, Ending, Follower } from './types.ts'

export interface PendingOptions {
  readonly pending: true
  readonly stream?: string | undefined
  readonly query?: AnyQuery | undefined
  readonly signal?: AbortSignal | undefined
}
export type ChangeHandler = (change: CommitChange<AnyEvent>) => unknown

/** Tells how commits fare, from the pending ones of this moment on: each as the events that are asked for. */
export class PendingFollower implements Follower {
  readonly ended: Promise<Ending>
  readonly #ports: ConsumerPorts
  readonly #options: PendingOptions
  readonly #wanted: ReturnType<typeof widen<AnyScope>>
  readonly #handler: ChangeHandler
  readonly #moved = new Wake()
  #ending: Ending | undefined
  /** What is pending as the handler knows it, by commit. */
  #pending = new Map<string, readonly AnyEvent[]>()
  #position = 0
  #revision = 0
  /** Id of the database. */
  #database: string | undefined
  /** The furthest that notices have told of. */
  #seen = 0
  /** Some may have been missed. */
  #isDoubtful = true
  /** The events of a commit that goes on. */
  #begun: readonly AnyEvent[] = []

  constructor(ports: ConsumerPorts, options: PendingOptions, handler: ChangeHandler) {
    mustKnow(options, 'pending stream query signal')
    mustBe(typeof handler === 'function', 'a handler', handler)
    const { stream, query } = options
    scopeToSelectors({ stream, query })
    this.#wanted = widen<AnyScope>(ports.definitions, { stream, query })
    mustBe(options.stream?.includes('*') !== true, 'a stream', options.stream)
    this.#ports = ports
    this.#options = options
    this.#handler = handler
    this.ended = this.#run()
  }

  readonly stop = (): Promise<Ending> => {
    this.#end({ reason: 'stopped' })
    return this.ended
  }

  #end(ending: Ending): void {
    this.#ending ??= ending
    this.#moved.wake()
  }

  async #run(): Promise<Ending> {
    const { signal } = this.#options
    const abort = (): void => this.#end({ reason: 'aborted' })
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
    const stop = this.#ports.onMoved((moved) => {
      if (moved === undefined) this.#isDoubtful = true
      else if (this.#database === undefined || moved.database === this.#database)
        this.#seen = Math.max(this.#seen, moved.head)
      else return
      this.#moved.wake()
    })
    try {
      await this.#begin()
      while (this.#ending === undefined) {
        await this.#moved.wait()
        while (this.#ending === undefined && (await this.#look()));
      }
    } catch (error) {
      this.#ending ??= endingOf(error)
    }
    stop()
    signal?.removeEventListener('abort', abort)
    return this.#ending
  }

  /** Begins where the log is, with what is pending there. */
  async #begin(): Promise<void> {
    const answer = await this.#ask(Number.MAX_SAFE_INTEGER)
    this.#database = answer.head.database
    this.#position = answer.head.confirmed
    this.#revision = answer.head.revision
    await this.#compare(answer, new Set())
  }

  #ask(position: number): Promise<ChangesAnswer> {
    const { scope } = this.#wanted
    const [seen, revision] = [this.#isDoubtful ? undefined : this.#seen, this.#revision]
    this.#isDoubtful = false
    return this.#ports.call((api) => api.changes({ scope, position, revision, seen }))
  }

  /** Tells what is new; true when more may wait. */
  async #look(): Promise<boolean> {
    const answer = await this.#ask(this.#position)
    const found = decodeText(this.#ports.definitions, answer.confirmed).filter(this.#wanted.isAsked)
    const confirmed = byCommit([...this.#begun, ...found])
    const [last] = answer.more ? [...confirmed].slice(-1) : []
    this.#begun = last?.[1] ?? []
    if (last !== undefined) confirmed.delete(last[0])
    this.#position = answer.position
    for (const [commitId, events] of confirmed) {
      const before = this.#pending.get(commitId)
      this.#pending.delete(commitId)
      if (before !== undefined && idsOf(before) !== idsOf(events))
        await this.#tell({ status: 'replaced', commitId, events, before })
      await this.#tell({ status: 'confirmed', commitId, events })
    }
    if (answer.more) return true
    await this.#compare(answer, new Set(confirmed.keys()))
    this.#revision = answer.head.revision
    return false
  }

  async #compare({ pending, pendingIs }: ChangesAnswer, confirmed: ReadonlySet<string>): Promise<void> {
    const found = byCommit(decodeAll(this.#ports.definitions, JSON.parse(pending)).filter(this.#wanted.isAsked))
    if (pendingIs === 'all')
      for (const [commitId, events] of this.#pending)
        if (!found.has(commitId)) {
          this.#pending.delete(commitId)
          await this.#tell({ status: 'withdrawn', commitId, events })
        }
    for (const [commitId, events] of found) {
      const before = this.#pending.get(commitId)
      this.#pending.set(commitId, events)
      if (before === undefined && !confirmed.has(commitId)) await this.#tell({ status: 'pending', commitId, events })
      else if (before !== undefined && idsOf(before) !== idsOf(events))
        await this.#tell({ status: 'replaced', commitId, events, before })
    }
  }

  async #tell(change: CommitChange<AnyEvent>): Promise<void> {
    if (this.#ending === undefined) await this.#handler(change)
  }
}

const idsOf = (events: readonly AnyEvent[]): string => `${events.map(({ id }) => id)}`

function byCommit(events: readonly AnyEvent[]): Map<string, readonly AnyEvent[]> {
  const commits = new Map<string, AnyEvent[]>()
  for (const event of events) commits.set(event.commitId, [...(commits.get(event.commitId) ?? []), event])
  return commits
}
