import { TidelogError } from '../core/errors.ts'
import { Wake } from '../core/wake.ts'
import { sleep } from './attempts.ts'
import type { FailureBook } from './failures.ts'
import { type AnyHandler, Handling, type Item, type Unit } from './handling.ts'
import { Intake } from './intake.ts'
import { positionOf, type RawEvent } from './raw-event.ts'
import { Saver, type SaverParts } from './saver.ts'
import { Watermark } from './watermark.ts'

/** What is being handled when a consumer ends is waited for no longer. */
const stopMsMax = 5_000

export interface SessionParts extends SaverParts {
  readonly handler: AnyHandler
  readonly book: FailureBook
  /** Where to begin. */
  readonly position: number
}

/** One run of a consumer: hands on what the intake reads, and keeps how far everything is handled. */
export class Session {
  readonly #parts: SessionParts
  readonly #intake: Intake
  readonly #handling: Handling
  readonly #mark: Watermark
  readonly #saver: Saver
  readonly #moved = new Wake()
  readonly #stopping = new AbortController()
  readonly #aborting = new AbortController()
  readonly #jobs: { readonly run: () => Promise<void>; readonly refuse: (error: unknown) => void }[] = []
  readonly #running = new Set<Promise<void>>()
  /** The last of each stream: those of one stream are handled one after the other. */
  readonly #ofStream = new Map<string, Promise<unknown>>()
  readonly #unitsMax: number
  readonly #isSideBySide: boolean
  #isOver = false
  /** Handlers that have not returned. */
  #busy = 0
  #failure: { readonly error: unknown } | undefined

  constructor(parts: SessionParts) {
    const { hub, spec, position } = parts
    this.#parts = parts
    this.#mark = new Watermark(position)
    this.#saver = new Saver(parts, this.#mark, (error) => this.#fail(error))
    this.#intake = new Intake(hub, spec, position, () => this.#moved.wake())
    this.#handling = new Handling({
      ...hub.ports,
      ...parts,
      state: this.#saver.state,
      stopping: this.#stopping.signal,
      signal: this.#aborting.signal,
      save: (changes) => this.#saver.save(changes),
      beside: (position) => this.#saver.beside(position),
    })
    // An event that waits to be acknowledged holds up none of the others.
    this.#unitsMax = spec.ack === 'manual' ? spec.bufferMax : spec.concurrency
    this.#isSideBySide = this.#unitsMax > 1
  }

  /** Everything up to here is handled. */
  get position(): number {
    return this.#mark.position
  }

  /** Resolves when it has come to the end or was ended; rejects with what went wrong. */
  async run(): Promise<'head-reached' | 'stopped'> {
    const reading = this.#intake.run().catch((error: unknown) => this.#fail(error))
    const hasReached = await this.#deliver().catch((error: unknown) => this.#fail(error))
    this.#isOver = true
    for (const { refuse } of this.#jobs.splice(0)) refuse(ended())
    this.#intake.end()
    await this.#quiet()
    this.#aborting.abort()
    await this.#saver.save().catch((error: unknown) => this.#fail(error))
    await reading
    if (this.#failure !== undefined) throw this.#failure.error
    return hasReached === true ? 'head-reached' : 'stopped'
  }

  /** Ends it after what is being handled; at once when it is to be aborted. */
  end(isAborted: boolean): void {
    this.#stopping.abort()
    if (isAborted || this.#parts.spec.ack === 'manual') this.#aborting.abort()
    this.#intake.end()
    this.#moved.wake()
  }

  /** Runs something while nothing is being handled. */
  between<T>(job: (handling: Handling) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) return reject(ended())
      this.#jobs.push({ run: () => job(this.#handling).then(resolve, reject), refuse: reject })
      this.#moved.wake()
    })
  }

  #fail(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    this.#failure = { error }
    this.#stopping.abort()
    this.#moved.wake()
  }

  async #deliver(): Promise<boolean> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const job = this.#jobs.shift()
      if (job !== undefined) {
        await this.#quiet()
        if (!signal.aborted) {
          const running: Promise<void> = job.run().finally(() => this.#running.delete(running))
          this.#running.add(running)
          await this.#quiet()
          this.#running.delete(running)
        }
        job.refuse(ended())
      } else if (this.#busy >= this.#parts.spec.concurrency || this.#running.size >= this.#unitsMax)
        await this.#moved.wait()
      else {
        const raw = this.#intake.shift()
        if (raw === undefined ? await this.#rest() : this.#isBeyond(raw)) {
          await this.#quiet()
          if (!signal.aborted) this.#mark.cover(this.#end)
          return !signal.aborted
        }
        const taking = raw && this.#take(raw)
        if (taking !== undefined) await taking
      }
    }
    return false
  }

  /** Where it ends; nowhere, or not known yet. */
  get #end(): number {
    return this.#parts.spec.to === 'head' ? (this.#intake.firstHead ?? Infinity) : Infinity
  }

  #isBeyond(raw: RawEvent): boolean {
    return positionOf(raw) > this.#end
  }

  /** Nothing waits: everything that was read has begun. Answers whether the end is reached. */
  async #rest(): Promise<boolean> {
    const { gauge } = this.#parts
    this.#mark.cover(Math.min(this.#intake.position, this.#end))
    this.#count()
    const state = this.#intake.isLive ? 'live' : 'reading'
    if (gauge.state !== state) {
      gauge.state = state
      gauge.tell()
    }
    if (this.#running.size === 0 && this.#intake.isLive) await this.#saver.save()
    if (this.#mark.position >= this.#end) return true
    if (this.#intake.next === undefined) await this.#moved.wait()
    return false
  }

  /** Nothing when all was done in this very turn. */
  #take(raw: RawEvent): Promise<void> | undefined {
    const { spec, gauge } = this.#parts
    if (this.#running.size === 0) gauge.nextTime = raw[1].time
    const item = this.#handling.admit(raw)
    if (item === undefined) {
      gauge.skipped++
      this.#endOf(positionOf(raw))()
      return this.#saver.keepUp()
    }
    return spec.lagMs || spec.batch ? this.#takeLater(item) : this.#start([item])
  }

  async #takeLater(item: Item): Promise<void> {
    const items = [item]
    const { batch } = this.#parts.spec
    await this.#ripen(item.raw)
    if (batch !== undefined) await this.#gather(items, batch)
    if (!this.#stopping.signal.aborted) await this.#start(items)
  }

  /** Waits until an event is as old as it has to be. A clock that went wrong must not hold it up for longer than that. */
  async #ripen([, { time }]: RawEvent): Promise<void> {
    const { spec, hub } = this.#parts
    const { lagMs = 0 } = spec
    if (lagMs === 0) return
    const left = Math.min(lagMs, Date.parse(time) + lagMs - hub.ports.clock.now())
    if (left > 0) await sleep(hub.ports.clock, left, this.#stopping.signal)
  }

  async #gather(items: Item[], { events, ms = 0 }: { readonly events: number; readonly ms?: number }): Promise<void> {
    const { clock } = this.#parts.hub.ports
    let isOver = ms === 0
    const callOff = clock.after(ms, () => {
      isOver = true
      this.#moved.wake()
    })
    while (items.length < events && !this.#stopping.signal.aborted) {
      const isLast = this.#intake.position >= this.#end && this.#intake.next === undefined
      if (isLast || (this.#intake.next !== undefined && this.#isBeyond(this.#intake.next))) break
      const raw = this.#intake.shift()
      if (raw === undefined) {
        if (isOver) break
        await this.#moved.wait()
        continue
      }
      const item = this.#handling.admit(raw)
      if (item === undefined) this.#parts.gauge.skipped++
      else {
        await this.#ripen(raw)
        items.push(item)
      }
    }
    callOff()
  }

  /** Nothing when all was done in this very turn. */
  #start(items: readonly Item[]): Promise<void> | undefined {
    const { gauge } = this.#parts
    const ends = items.map(({ raw }) => this.#endOf(positionOf(raw)))
    let isBusy = true
    const returned = (): void => {
      if (isBusy) this.#busy--
      isBusy = false
      this.#moved.wake()
    }
    gauge.active += items.length
    const going = this.#run({ items, returned, ends })
    if (going === undefined) {
      gauge.active -= items.length
      return this.#saver.keepUp()
    }
    this.#busy++
    const running: Promise<void> = going
      .then(() => this.#saver.keepUp())
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        gauge.active -= items.length
        gauge.touch()
        this.#running.delete(running)
        returned()
      })
    gauge.touch()
    this.#running.add(running)
    return undefined
  }

  /** How an event is noted as handled: behind those before it that are not, where several are handled at a time. */
  #endOf(position: number): () => void {
    const end = this.#isSideBySide ? this.#mark.begin(position) : () => this.#mark.cover(position)
    return () => {
      end()
      this.#count()
    }
  }

  #run(unit: Unit): Promise<void> | undefined {
    if (this.#parts.spec.concurrency === 1) return this.#handling.handle(unit)
    const streams = new Set(unit.items.map(({ raw }) => raw[0].stream))
    const before = [...streams].map((stream) => this.#ofStream.get(stream))
    const run = Promise.all(before).then(() => {
      if (this.#stopping.signal.aborted) throw this.#stopping.signal.reason
      return this.#handling.handle(unit)
    })
    for (const stream of streams) this.#ofStream.set(stream, run)
    const forget = (): void => {
      for (const stream of streams) if (this.#ofStream.get(stream) === run) this.#ofStream.delete(stream)
    }
    run.then(forget, forget)
    return run
  }

  #count(): void {
    this.#parts.gauge.position = this.#mark.position
    this.#parts.gauge.touch()
  }

  /** Waits for what is being handled, not for ever. */
  async #quiet(): Promise<void> {
    if (this.#running.size === 0) return
    const { clock } = this.#parts.hub.ports
    const over = new AbortController()
    const late = aborted(this.#stopping.signal).then(() => sleep(clock, stopMsMax, over.signal))
    await Promise.race([Promise.all(this.#running), late])
    over.abort()
  }
}

const ended = (): TidelogError => new TidelogError('tidelog/aborted', 'the consumer has ended')

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })
