import type { Commit } from '../core/commit.ts'
import { groupTextMax } from '../core/limits.ts'
import type { Marker } from '../core/outcome.ts'
import { type Retentions, unretained } from '../core/retention.ts'
import { timeNow } from '../core/time.ts'
import type { AppendAnswer, AppendReason, AppendText, Durability } from '../protocol/worker.ts'
import { isStoreError } from '../store/store.ts'
import { type Admission, countOn } from './admission.ts'
import { type Incoming, type MustBeKept, readCall, toIncoming } from './append-call.ts'
import { discardDeadLetter, forget, keepSettled, listDeadLetters } from './dead-letters.ts'
import type { Engine, Plan } from './engine.ts'
import { firstOf, firstOfAll } from './first-of.ts'
import { type Checked, checkGroup } from './group.ts'
import { keptRequests } from './kept.ts'
import { pendingMatching } from './reader.ts'
import { isSameAsk } from './same-ask.ts'
import type { View } from './view.ts'

/** Events of a conflict that are answered; the first ones, in log order. */
const conflictEventsMax = 100

interface Waiting extends Incoming {
  readonly answer: (answer: AppendAnswer | Promise<AppendAnswer>) => void
  readonly fail: (error: unknown) => void
}
/** The answer to one append of a group, or how it is made when the group's row is on disk. */
type Given = AppendAnswer | (() => Promise<AppendAnswer>)

/** What is here under an id. */
interface Known {
  readonly commit: Commit
  readonly versions: readonly number[]
  /** Position of its first event, once it is confirmed. */
  readonly first?: number
}

export interface AppenderOptions {
  readonly durability: Durability
  /** Whether commits wait for a sequencer; otherwise this device is its own, as long as the log has no other. */
  readonly synced: boolean
  readonly requireDurable: boolean
  /** Named in the metadata of what is appended here. */
  readonly origin?: string | undefined
  /** Streams that no condition may name. */
  readonly retentions?: Retentions | undefined
}

/** Group commit: what comes in while a row is being written becomes the next row, each append with its own outcome. */
export class Appender {
  readonly #engine: Engine
  readonly #options: AppenderOptions
  readonly #mustBeKept: MustBeKept
  #waiting: Waiting[] = []
  #pumping = false

  constructor(engine: Engine, options: AppenderOptions) {
    this.#engine = engine
    this.#options = options
    this.#mustBeKept = unretained(options.retentions ?? {})
  }

  append(batch: readonly AppendText[]): Promise<readonly AppendAnswer[]> {
    return Promise.all(
      batch.map((text) => {
        const incoming = readCall(text, this.#mustBeKept)
        return 'commit' in incoming ? this.#enqueue(this.#stamp(incoming)) : refused(incoming)
      }),
    )
  }

  #stamp(incoming: Incoming): Incoming {
    const { origin } = this.#options
    if (origin === undefined) return incoming
    const commit = { ...incoming.commit, metadata: { ...incoming.commit.metadata, origin } }
    return { ...incoming, commit, text: JSON.stringify(commit) }
  }

  /** Tries a dead letter again, under its id: its command is decided, or its events are appended if nothing hung on them. */
  async retry(id: string): Promise<AppendAnswer | undefined> {
    const [letter] = await listDeadLetters(this.#engine, id)
    if (letter === undefined) return undefined
    const { condition, command, attempt = 1, events, ...rest }: Commit = JSON.parse(letter.commit)
    const { random, clock } = this.#engine
    if (command === undefined && condition !== undefined)
      return refused({
        type: 'Error',
        code: 'tidelog/decider',
        message: 'an append under a condition has to be made anew',
      })
    const head = { ...rest, contentId: random.newId(), time: timeNow(clock), attempt: attempt + 1 }
    const incoming = toIncoming({ ...head, command, events: command === undefined ? events : [] })
    const answer = await this.#enqueue({ ...incoming, isRetry: true })
    if (answer.ok && answer.versions.length === 0)
      await discardDeadLetter(this.#engine, id, [keepSettled(this.#engine, incoming.commit, 'nothing-to-do')])
    return answer
  }

  #enqueue(incoming: Incoming): Promise<AppendAnswer> {
    return new Promise<AppendAnswer>((answer, fail) => {
      this.#waiting.push({ ...incoming, answer, fail })
      if (!this.#pumping) void this.#pump()
    })
  }

  async #pump(): Promise<void> {
    this.#pumping = true
    // What comes in this turn goes into one group.
    await undefined
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      try {
        await this.#writeGroup(group)
      } catch (error) {
        const reason = this.#reasonOf(error)
        if (reason !== undefined) answerAll(group, reason)
        else for (const { fail } of group) fail(error)
      }
    }
    this.#pumping = false
  }

  /** The answer that a failed write gives; nothing when nothing can be said of the outcome. */
  #reasonOf(error: unknown): AppendReason | undefined {
    if (isStoreError(error, 'full')) return { type: 'StorageFull', message: error.message }
    const { stopped, view } = this.#engine
    return stopped !== undefined && view.needsNewerApp ? { type: 'UpdateNeeded', message: stopped } : undefined
  }

  #takeGroup(): readonly Waiting[] {
    let size = 0
    let count = 0
    for (const { text } of this.#waiting) {
      if (count > 0 && size + text.length > groupTextMax) break
      size += text.length
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /** Whether what is written is confirmed at once. */
  get #isLocal(): boolean {
    return this.#engine.view.local ?? !this.#options.synced
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    if (this.#options.requireDurable && !this.#engine.store.durable)
      return answerAll(group, { type: 'StorageUnavailable', message: 'this browser gives no storage' })
    // A "no" is only given by a view that has read the tail since the call: what it lacks may be what the caller saw.
    let isFresh = false
    let given: readonly Given[] = []
    await this.#engine.write(async (view) => {
      const check = () => checkGroup(this.#engine, group, this.#isLocal, this.#mustBeKept)
      let checked = await check()
      if (!isFresh && checked.some(({ admission }) => admission.kind !== 'admit')) {
        isFresh = true
        await this.#engine.catchUp()
        checked = await check()
      }
      const plan = this.#planOf(view, checked)
      // One object for all answers: it crosses to the page once.
      const head = { ...view.marker, revision: view.revision + 1 }
      if (this.#isLocal) for (const { events } of plan?.commits ?? []) head.confirmed += events.length
      given = checked.map((one) => this.#give(view, one, head))
      return plan
    })
    given.forEach((one, at) => group[at]?.answer(typeof one === 'function' ? one() : one))
  }

  #planOf(view: View, checked: readonly Checked<Waiting>[]): Plan<void> | undefined {
    const admitted = checked.filter(({ admission }) => admission.kind === 'admit')
    if (admitted.length === 0) return undefined
    const ended = admitted.filter(({ commit: { id } }) => view.dead.has(id) || view.settled.has(id))
    const durabilities = admitted.map(({ waiting }) => waiting.durability ?? this.#options.durability)
    return {
      row: {
        kind: 'append',
        commits: `[${admitted.map(({ text }) => text).join(',')}]`,
        ...(this.#isLocal ? { first: view.confirmed.head.position + 1 } : {}),
      },
      commits: admitted.map(({ commit }) => commit),
      beside: [
        ...ended.flatMap(({ commit }) => forget(commit.id)),
        ...admitted.flatMap(({ waiting }) => keptRequests(waiting.keep)),
      ],
      durability: durabilities.includes('strict') ? 'strict' : 'relaxed',
      result: undefined,
    }
  }

  #give(view: View, { waiting, admission, text, before }: Checked<Waiting>, head: Marker): Given {
    switch (admission.kind) {
      case 'refuse':
        return refused(admission.reason)
      case 'conflict':
        return () => this.#conflict(view, admission)
      case 'known':
        return () => this.#known(waiting)
      case 'nothing-to-do':
        return { ok: true, head: view.marker, versions: [], durable: true, known: text }
      case 'admit':
        return {
          ok: true,
          head,
          versions: admission.versions,
          durable: this.#engine.store.durable,
          ...(this.#isLocal && { first: view.confirmed.head.position + 1 + before }),
          ...((waiting.commit.command !== undefined || waiting.isRetry === true) && { known: text }),
        }
    }
  }

  /** Made when the group is on disk, since what stands in the way may be part of it. */
  async #conflict(view: View, { selectors, after }: Extract<Admission, { kind: 'conflict' }>): Promise<AppendAnswer> {
    const events = await this.#engine.steadily(async () => {
      const positions = firstOf(view.newerInTail(selectors, after), conflictEventsMax)
      const found = await Promise.all([
        firstOfAll(view.newerSealed(selectors, after), conflictEventsMax),
        this.#engine.content.eventsAt(positions),
        pendingMatching(view, selectors, after?.revision ?? 0),
      ])
      return found.flat()
    })
    const reason = { type: 'ConditionConflict', message: 'the condition does not hold' } as const
    return refused({ ...reason, events: events.slice(0, conflictEventsMax) })
  }

  /** The answer to a repeated append: the first one's when the content is the same. */
  async #known(waiting: Waiting): Promise<AppendAnswer> {
    const { commit } = waiting
    const { view, store } = this.#engine
    const found = await this.#engine.steadily(() => this.#find(commit.id))
    const present = found?.commit ?? (await this.#deadLetter(commit.id))
    // Another tab discarded the letter: the id is free again.
    if (present === undefined && view.dead.delete(commit.id)) return this.#enqueue(waiting)
    if (present === undefined || !isSameAsk(present, commit))
      return refused({ type: 'IdTaken', commitId: commit.id, message: 'known with other content' })
    return {
      ok: true,
      head: view.marker,
      versions: found?.versions ?? [],
      durable: store.durable,
      known: JSON.stringify(present),
      ...(found?.first && { first: found.first }),
    }
  }

  /** A commit of the log, pending or confirmed; it is one of them in the turn in which it is asked for. */
  async #find(id: string): Promise<Known | undefined> {
    const { view, content } = this.#engine
    const pending = view.pending.get(id)?.commit
    if (pending !== undefined) return { commit: pending, versions: await versionsOfPending(view, pending) }
    const first = view.confirmed.positionOf(id)
    if (first === undefined) return view.sealed.commitOf(id)
    const commit = await content.commitAt(first)
    if (commit === undefined) return undefined
    const events = await content.eventsAt(commit.events.map((_, at) => first + at))
    return { commit, first, versions: events.map(({ version }) => version) }
  }

  async #deadLetter(id: string): Promise<Commit | undefined> {
    const [letter] = await listDeadLetters(this.#engine, id)
    return letter && JSON.parse(letter.commit)
  }
}

async function versionsOfPending(view: View, commit: Commit): Promise<readonly number[]> {
  const queue = [...view.pending.list()]
  const streams = commit.events.map(({ stream }) => stream)
  const countOf = await view.confirmedCounts(streams)
  const last = new Map(streams.map((stream) => [stream, countOf(stream)]))
  for (const item of queue) {
    const versions = countOn(last, item.commit)
    if (item.commit.id === commit.id) return versions
  }
  return []
}

const refused = (reason: AppendReason): AppendAnswer => ({ ok: false, reason })

const answerAll = (group: readonly Waiting[], reason: AppendReason): void => {
  for (const { answer } of group) answer(refused(reason))
}
