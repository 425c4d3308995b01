import { sleep } from '../consumer/attempts.ts'
import type { ConsumerPorts } from '../consumer/ports.ts'
import { Poison, type RowsFold } from '../consumer/rows-fold.ts'
import {
  askCheckpoint,
  type KeptCheckpoint,
  lastCheckpoint,
  layoutOf,
  noRows,
  type RowsCheckpoint,
} from '../consumer/rows-layout.ts'
import { TidelogError } from '../core/errors.ts'
import { type Cell, createCell } from '../core/observable.ts'
import { OlderRows } from './older-rows.ts'
import { Overlay, tailMax } from './overlay.ts'
import { parked, type ReadModelStatus, statusOf } from './status.ts'
import { Moved } from './stored.ts'

/** While rows are being built they are looked at so often, later less. */
const pollMs = 200
const pollMsMax = 2_000

/** What an answer is made from. */
export type Rows = Overlay | OlderRows
interface Question {
  readonly seen: number | undefined
  readonly answer: (rows: Rows) => Promise<void>
  readonly fail: (error: unknown) => void
}

/** Answers questions about one read model in one tab. Those that come together look at the log together. */
export class RowsReader {
  readonly status: Cell<ReadModelStatus>
  readonly #ports: ConsumerPorts
  readonly #fold: RowsFold
  readonly #layout: ReturnType<typeof layoutOf>
  readonly #overlay: Overlay
  readonly #closing = new AbortController()
  #kept: KeptCheckpoint
  #isStale = true
  #problem: Poison['problem'] | undefined
  #isWaiting = false
  #isPolling = false
  #questions: Question[] = []
  #isServing = false
  #heard = -1
  readonly #unlisten: () => void

  constructor(ports: ConsumerPorts, fold: RowsFold) {
    this.#ports = ports
    this.#fold = fold
    this.#layout = layoutOf(fold.model)
    this.#kept = noRows(this.#layout.version)
    this.#overlay = new Overlay(ports.call, ports.clock, ports.definitions, fold, this.#layout)
    this.status = createCell(statusOf(this.#kept.at, { head: 0, isWaiting: true }))
    this.#unlisten = ports.onMoved((moved) => {
      // A notice that tells of no move tells of something that was kept; the first one may be either.
      if (moved === undefined || this.#heard < 0 || moved.head <= this.#heard) this.#look().catch(() => {})
      this.#heard = Math.max(this.#heard, moved?.head ?? 0)
    })
    void this.#poll()
  }

  /** Asks what the log and the rows say at a moment after the call. `seen`: a revision that is told of is enough. */
  ask<T>(evaluate: (rows: Rows) => Promise<T>, seen?: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const answer = async (rows: Rows): Promise<void> => resolve(await evaluate(rows))
      this.#questions.push({ seen, answer, fail: reject })
      void this.#serve()
    })
  }

  /** Changes the checkpoint from outside of its writer; answers what it is then. */
  async alter(change: (at: RowsCheckpoint) => RowsCheckpoint): Promise<RowsCheckpoint> {
    for (;;) {
      this.#mustBeOpen()
      await this.#look()
      const { n, at } = this.#kept
      const value = { ...change(at), writer: '' }
      const add = [{ chain: this.#layout.checkpoint, n: n + 1, value }]
      if (await this.#ports.call((api) => api.keep({ add, isAnnounced: true }))) {
        await this.#look()
        return value
      }
    }
  }

  /** Waits until a checkpoint is so. Rejects when the rows are parked, or closed. */
  async until(isSo: (at: RowsCheckpoint) => boolean): Promise<void> {
    for (;;) {
      await this.#look()
      if (isSo(this.#kept.at)) return
      if (this.#kept.at.problem !== undefined) throw parked(this.#kept.at.problem)
      await this.#pause(pollMs)
    }
  }

  close(): void {
    this.#closing.abort()
    this.#unlisten()
    this.#show()
  }

  async #serve(): Promise<void> {
    if (this.#isServing) return
    this.#isServing = true
    while (this.#questions.length > 0) {
      const asked = this.#questions.splice(0)
      try {
        const told = asked.flatMap(({ seen }) => seen ?? [])
        const rows = await this.#ready(told.length === asked.length ? Math.max(...told) : undefined)
        await Promise.all(asked.map((question) => this.#answer(question, rows)))
      } catch (error) {
        for (const { fail } of asked) fail(error)
      }
    }
    this.#isServing = false
  }

  async #answer(question: Question, rows: Rows): Promise<void> {
    try {
      await question.answer(rows)
    } catch (error) {
      if (!(error instanceof Moved)) return question.fail(error)
      this.#isStale = true
      this.#questions.push(question)
    }
  }

  /** Rows and the rest of the log, of one moment. */
  async #ready(seen: number | undefined): Promise<Rows> {
    const overlay = this.#overlay
    try {
      for (;;) {
        this.#mustBeOpen()
        if (this.#isStale) await this.#stand()
        const found = await overlay.follow(seen)
        if (found === 'ready') {
          await overlay.fold()
          this.#problem = undefined
          this.#show()
          return overlay
        }
        overlay.forget()
        this.#isStale = true
        if (found === 'stale') continue
        const older = await this.#older()
        if (older !== undefined) return older
        const target = overlay.head.confirmed - tailMax
        this.#isWaiting = true
        await this.until((at) => overlay.standingOf(at).position >= target)
      }
    } catch (error) {
      if (error instanceof Moved) {
        this.#isStale = true
        return this.#ready(seen)
      }
      // What was begun may be half done.
      overlay.forget()
      if (!(error instanceof Poison)) throw error
      this.#problem = error.problem
      throw parked(error.problem, error)
    } finally {
      this.#isWaiting = false
      this.#show()
    }
  }

  async #older(): Promise<OlderRows | undefined> {
    await this.#stand()
    const { stored, head, erasedAt = 0 } = this.#overlay
    if (stored.standing.generation > 0) return undefined
    return OlderRows.find(this.#ports.call, this.#layout, this.#fold, head, erasedAt)
  }

  /** Stands on the rows as they are now; only between answers, since these look at rows of one moment. */
  async #stand(): Promise<void> {
    await this.#look()
    this.#isStale = false
    this.#overlay.erasedAt ??= this.#kept.at.erasedAt
    this.#overlay.standOn(this.#kept)
  }

  /** Reads where the rows stand. */
  async #look(): Promise<void> {
    const [found] = await this.#ports.call((api) => api.lookUp([askCheckpoint(this.#layout, this.#kept.n)]))
    const last = lastCheckpoint(found?.rows ?? [])
    if (last !== undefined && last.n > this.#kept.n) {
      this.#kept = last
      this.#isStale = true
    }
    this.#show()
  }

  #mustBeOpen(): void {
    if (this.#closing.signal.aborted) throw new TidelogError('tidelog/log-closed', 'the read model is closed')
  }

  async #pause(ms: number): Promise<void> {
    this.#mustBeOpen()
    await sleep(this.#ports.clock, ms, this.#closing.signal)
    this.#mustBeOpen()
  }

  #show(): void {
    const isClosed = this.#closing.signal.aborted
    const { head } = this.#overlay
    const parts = { head: head.confirmed, isWaiting: this.#isWaiting, isClosed, problem: this.#problem }
    const status = statusOf(this.#kept.at, parts)
    if (JSON.stringify(status) !== JSON.stringify(this.status.get())) this.status.set(status)
    if (status.state === 'building') void this.#poll()
  }

  /** Looks until what is being built is there: its writer may be in another tab. */
  async #poll(): Promise<void> {
    if (this.#isPolling) return
    this.#isPolling = true
    for (let ms = pollMs; this.status.get().state === 'building'; ms = Math.min(ms * 1.2, pollMsMax)) {
      try {
        await this.#pause(ms)
        await this.#look()
      } catch {
        break
      }
    }
    this.#isPolling = false
  }
}
