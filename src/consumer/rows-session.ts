import { TidelogError } from '../core/errors.ts'
import type { Wake } from '../core/wake.ts'
import type { ChangesAnswer, KeptChanges } from '../protocol/worker.ts'
import { sleep } from './attempts.ts'
import type { ConsumerPorts } from './ports.ts'
import { confirmedBehind, rawEventsIn } from './raw-event.ts'
import { RowsBatcher } from './rows-batch.ts'
import type { RowsFold } from './rows-fold.ts'
import {
  askCheckpoint,
  chainsOf,
  type KeptCheckpoint,
  type Layout,
  lastCheckpoint,
  noRows,
  type RowsCheckpoint,
  type Standing,
} from './rows-layout.ts'
import { sweepGenerations, sweepVersions } from './rows-sweep.ts'

/** Events of one transaction. */
const batchMax = 1_000
/** Rows lag behind the log by so long: queries make up for it, and each write costs a transaction. */
const restMs = 500
/** With so many events behind it is not waited for. */
const hurryEvents = 500
/** Positions without an event of the model after which the checkpoint moves all the same. */
const idleEvents = 10_000
/** Checkpoints in a chain; with more of them the older half goes. */
const chainMax = 40

/** What a writer has heard since it looked last. */
export interface Heard {
  readonly wake: Wake
  /** Position of the last confirmed event that was told of. */
  confirmed: number
  /** Somebody else may have changed the checkpoint. */
  isKicked: boolean
}

/**
 * One turn of a writer. It begins with a row that says so: of two writers each fails where the other one began, however
 * long it was away.
 *
 * chain  1 A  2  3  4 B  5  6 …   A adds 4 → taken, looks again. What lies between beginnings is pruned.
 */
export class RowsSession {
  readonly #ports: ConsumerPorts
  readonly #fold: RowsFold
  readonly #layout: Layout
  readonly #heard: Heard
  readonly #signal: AbortSignal
  readonly #id: string
  #current: KeptCheckpoint
  /** The key of the row that it began with. */
  #began = 0
  #batcher: RowsBatcher | undefined
  #generation = 0
  /** Up to here there is nothing of the model behind the checkpoint. */
  #looked = 0
  /** What is being written. */
  #keeping: Promise<boolean> | undefined
  #ahead: { readonly position: number; readonly answer: Promise<ChangesAnswer> } | undefined

  constructor(ports: ConsumerPorts, fold: RowsFold, layout: Layout, heard: Heard, signal: AbortSignal) {
    this.#ports = ports
    this.#fold = fold
    this.#layout = layout
    this.#heard = heard
    this.#signal = signal
    this.#id = ports.random.newId()
    this.#current = noRows(layout.version)
  }

  get #isOver(): boolean {
    return this.#signal.aborted
  }

  /** Writes until the turn is over or somebody else writes. */
  async run(): Promise<void> {
    try {
      if (await this.#begin()) await this.#write()
    } finally {
      await this.#keeping?.catch(() => {})
    }
  }

  async #write(): Promise<void> {
    const isOver = (): boolean => this.#isOver
    await sweepGenerations(this.#ports, this.#layout, this.#current.at, isOver)
    if (this.#current.at.generation > 0) await sweepVersions(this.#ports, this.#layout, isOver)
    while (!this.#isOver) {
      const step = await this.#step()
      if (step === 'lost') return
      if (step === 'swapped') {
        await sweepGenerations(this.#ports, this.#layout, this.#current.at, isOver)
        await sweepVersions(this.#ports, this.#layout, isOver)
      }
      if (step === 'rest' && !(await this.#rest())) return
    }
  }

  async #begin(): Promise<boolean> {
    const { checkpoint } = this.#layout
    const found = await this.#read()
    const { n, at } = lastCheckpoint(found) ?? noRows(this.#layout.version)
    const { problem: _tried, ...before } = at
    const value: RowsCheckpoint = { ...before, writer: this.#id }
    const tooMany = found.length > chainMax ? [{ chain: checkpoint, from: 0, to: found[chainMax / 2]?.n ?? 0 }] : []
    const changes = { add: [{ chain: checkpoint, n: n + 1, value }], delete: tooMany }
    if (!(await this.#ports.call((api) => api.keep(changes)))) return this.#giveWay()
    // A key that was pruned is free again: it does not count when there are higher ones.
    const last = lastCheckpoint(await this.#read())
    if (last?.n !== n + 1 || last.at.writer !== this.#id) return this.#giveWay()
    this.#current = last
    this.#began = last.n
    return true
  }

  async #read() {
    const [found] = await this.#ports.call((api) => api.lookUp([askCheckpoint(this.#layout)]))
    return found?.rows ?? []
  }

  /** Two writers that only take turns would write nothing. */
  async #giveWay(): Promise<false> {
    await sleep(this.#ports.clock, 50 + this.#ports.random.fraction() * 250, this.#signal)
    return false
  }

  async #step(): Promise<'more' | 'rest' | 'swapped' | 'lost'> {
    const { at } = this.#current
    const { building } = at
    if (at.generation === 0 && building === undefined) return this.#startOver(at.erasedAt)
    const { generation } = building ?? at
    const position = building?.position ?? Math.max(at.position, this.#looked)
    const answer = await this.#ask(position)
    if (answer.head.confirmed < position)
      throw new TidelogError('tidelog/storage-lost', 'the log is shorter than it was')
    // Removed data is in none of the rows that are built from here on.
    if (answer.erasedAt !== at.erasedAt) return this.#startOver(answer.erasedAt)
    const events = rawEventsIn(answer.confirmed)
    if (this.#generation !== generation) this.#batcher = undefined
    this.#generation = generation
    this.#batcher ??= new RowsBatcher(
      {
        clock: this.#ports.clock,
        definitions: this.#ports.definitions,
        lookUp: async (asks) => {
          await this.#keeping
          return this.#ports.call((api) => api.lookUp(asks))
        },
      },
      this.#fold,
      chainsOf(this.#layout, generation),
      position === 0,
    )
    if (answer.more) this.#askAhead(answer.position)
    const { problem, ...change } = await this.#batcher.fold(events)
    if (this.#isOver) return 'more'
    const reached: Standing = { generation, position: problem ? problem.position - 1 : answer.position }
    const isDone = building !== undefined && !answer.more && problem === undefined
    const { building: _building, ...rest } = at
    const next: RowsCheckpoint = {
      ...rest,
      ...(building === undefined || isDone ? reached : { building: reached }),
      ...(problem && { problem }),
    }
    const isIdle = building === undefined && problem === undefined && events.length === 0
    this.#looked = reached.position
    if (isIdle && reached.position - at.position < idleEvents) return answer.more ? 'more' : 'rest'
    const isMore = answer.more && problem === undefined
    const keeping = this.#keep(next, { ...change, isAnnounced: isDone || problem !== undefined })
    // What comes next is read and folded while this is written.
    keeping.catch(() => {})
    if (isMore) this.#keeping = keeping
    else if (!(await keeping)) return 'lost'
    return isDone ? 'swapped' : isMore ? 'more' : 'rest'
  }

  /** Begins the next generation; what was shown is not true any more. */
  async #startOver(erasedAt: number): Promise<'more' | 'lost'> {
    const { version, writer, last } = this.#current.at
    const building = { generation: last + 1, position: 0 }
    const next = { version, writer, generation: 0, position: 0, building, last: last + 1, erasedAt }
    return (await this.#keep(next, {})) ? 'more' : 'lost'
  }

  /** Writes, when what was written before is kept. */
  async #keep(at: RowsCheckpoint, changes: KeptChanges): Promise<boolean> {
    const { checkpoint } = this.#layout
    const { n } = this.#current
    this.#current = { n: n + 1, at }
    const before = this.#keeping
    this.#keeping = undefined
    if (before !== undefined && !(await before)) return false
    const pruned = n > this.#began ? [{ chain: checkpoint, from: n, to: n }] : []
    const isKept = await this.#ports.call((api) =>
      api.keep({
        ...changes,
        add: [{ chain: checkpoint, n: n + 1, value: at }],
        delete: [...(changes.delete ?? []), ...pruned],
      }),
    )
    return isKept || this.#giveWay()
  }

  #ask(position: number): Promise<ChangesAnswer> {
    const ahead = this.#ahead
    this.#ahead = undefined
    if (ahead?.position === position) return ahead.answer
    const { scope, types } = this.#fold
    const request = { ...confirmedBehind(position, { scope, limit: batchMax }), types }
    return this.#ports.call((api) => api.changes(request))
  }

  /** The worker reads while this batch is folded and written. */
  #askAhead(position: number): void {
    const answer = this.#ask(position)
    answer.catch(() => {})
    this.#ahead = { position, answer }
  }

  /** Waits until there is something to do; false when somebody else has changed the checkpoint. */
  async #rest(): Promise<boolean> {
    const heard = this.#heard
    const { clock } = this.#ports
    const isParked = this.#current.at.problem !== undefined
    if ((await this.#keeping) === false) return false
    while (!this.#isOver) {
      if (heard.isKicked) {
        heard.isKicked = false
        const [found] = await this.#ports.call((api) => api.lookUp([askCheckpoint(this.#layout, this.#current.n)]))
        if (found?.rows.at(-1)?.n !== this.#current.n) return false
      }
      const behind = heard.confirmed - Math.max(this.#current.at.position, this.#looked)
      if (behind > 0 && !isParked) {
        if (behind < hurryEvents) await sleep(clock, restMs, this.#signal)
        return true
      }
      await heard.wake.wait()
    }
    return true
  }
}
