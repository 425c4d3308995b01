import { mustBe, TidelogError } from '../core/errors.ts'
import { isCount } from '../core/guard.ts'
import { GuardedLock } from '../core/guarded-lock.ts'
import type { Marker } from '../core/outcome.ts'
import { Wake } from '../core/wake.ts'
import { type Checkpoints, LogCheckpoints, storedCheckpoints } from './checkpoints.ts'
import { endingOf } from './ending.ts'
import { FailureBook, isWaiting } from './failures.ts'
import type { AnyHandler } from './handling.ts'
import type { Hub } from './hub.ts'
import { type AnyConsumerOptions, type ConsumerSpec, readConsumerOptions } from './options.ts'
import { confirmedBehind, rawEventsIn } from './raw-event.ts'
import { Session } from './session.ts'
import { Gauge } from './status.ts'
import type { ConsumerFailure, Ending, Subscription } from './types.ts'

/** A subscription over its runs: it waits for its turn, is suspended with its tab, and begins again after a reset. */
export class Consumer implements Subscription {
  readonly ended: Promise<Ending>
  readonly status: Gauge
  readonly failures: Subscription['failures']
  readonly #hub: Hub
  readonly #spec: ConsumerSpec
  readonly #lock: GuardedLock
  readonly #handler: AnyHandler
  readonly #checkpoints: Checkpoints | undefined
  readonly #book: FailureBook
  readonly #moved = new Wake()
  readonly #head: Promise<Marker> | undefined
  #position: number | undefined
  #session: Session | undefined
  #isSuspended = false
  #ending: Ending | undefined
  #reset: { readonly to: number; readonly done: () => void; readonly fail: (error: unknown) => void } | undefined
  /** Lets go of the lock at once. */
  #release = (): void => {}

  constructor(hub: Hub, options: AnyConsumerOptions, handler: AnyHandler) {
    const spec = readConsumerOptions(options, hub.ports.definitions)
    mustBe(typeof handler?.handle === 'function', 'a handler', handler)
    const { name, shard } = spec
    this.#hub = hub
    this.#spec = spec
    this.#lock = new GuardedLock(
      `${hub.ports.database}/consumer/${name}${shard ? `/${shard.index}.${shard.of}` : ''}`,
      hub.ports,
    )
    this.#handler = handler
    this.#book = new FailureBook(hub.ports, spec.name)
    this.#checkpoints = checkpointsOf(hub, spec)
    this.status = new Gauge(hub, spec, this.#book)
    this.failures = { ...this.#book.shown, retry: (at) => this.#retry(at), discard: (at) => this.#discard(at) }
    // Asked in this very turn: what is appended behind it belongs to the subscription.
    this.#head = spec.from === 'head' ? headOf(hub) : undefined
    this.#head?.catch(() => {})
    this.ended = this.#begin()
  }

  readonly stop = (): Promise<Ending> => {
    this.#end({ reason: 'stopped' }, false)
    return this.ended
  }

  readonly reset = async (to: 'start' | number = 'start'): Promise<void> => {
    const position = to === 'start' ? 0 : to
    mustBe(isCount(position), 'a position', to)
    mustBe(this.#ending === undefined && this.#reset === undefined, 'a reset', 'of what is being reset or has ended')
    return new Promise((done, fail) => {
      this.#reset = { to: position, done, fail }
      this.#session?.end(false)
      this.#moved.wake()
    })
  }

  #end(ending: Ending, isAborted: boolean): void {
    this.#ending ??= ending
    this.#session?.end(isAborted)
    this.#moved.wake()
  }

  async #begin(): Promise<Ending> {
    const { signal } = this.#spec
    const abort = (): void => this.#end({ reason: 'aborted' }, true)
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
    const unfollow = this.#hub.follow(this.status.tell)
    const suspend = (isSuspended: boolean): void => {
      this.#isSuspended = isSuspended
      if (isSuspended) this.#release()
      this.#moved.wake()
    }
    // Nobody waits for a consumer without a name.
    const { name } = this.#spec
    const listen = () =>
      this.#hub.ports.onSuspended(
        () => suspend(true),
        () => suspend(false),
      )
    const unlisten = name === undefined ? () => {} : listen()
    const forget = this.#hub.enlist(this.status)
    const ending = await this.#runs().catch((error: unknown): Ending => endingOf(error))
    signal?.removeEventListener('abort', abort)
    for (const undo of [unfollow, unlisten, forget]) undo()
    this.#ending ??= ending
    this.#reset?.fail(new TidelogError('tidelog/aborted', 'the subscription has ended'))
    this.status.hasFailed = ending.reason === 'failed'
    this.#show('ended')
    return ending
  }

  #show(state: Gauge['state']): void {
    this.status.state = state
    this.status.tell()
  }

  async #runs(): Promise<Ending> {
    for (;;) {
      if (this.#ending !== undefined) return this.#ending
      if (this.#isSuspended) {
        this.#show('suspended')
        await this.#moved.wait()
        continue
      }
      const reached = await this.#inTurn()
      if (reached) return { reason: 'head-reached' }
    }
  }

  /** One run, alone among all tabs where it has a name. */
  async #inTurn(): Promise<boolean> {
    const { name, whenTaken } = this.#spec
    if (name === undefined) return this.#run()
    let outcome: Promise<boolean> | undefined
    // A frozen tab would keep the lock, or its place in the queue: it lets go of both before.
    const turn = new AbortController()
    this.#release = () => turn.abort()
    const run = (over: AbortSignal): Promise<boolean> => {
      outcome = this.#run(over)
      return outcome
    }
    const requested = this.#lock.hold(run, turn.signal, whenTaken === 'fail' ? 0 : undefined)
    requested.catch(() => {})
    this.#show('waiting')
    while (outcome === undefined) {
      const isHeld = await Promise.race([requested, this.#moved.wait()])
      if (this.#ending !== undefined && outcome === undefined) {
        turn.abort()
        return false
      }
      if (isHeld === false) break
    }
    if (outcome !== undefined) return outcome
    if (whenTaken === 'fail' && !turn.signal.aborted)
      throw new TidelogError('tidelog/consumer-taken', `another tab runs the consumer ${name}`)
    return false
  }

  /** A run whose turn is over hands on nothing, also when its tab is back meanwhile. */
  async #run(turn?: AbortSignal): Promise<boolean> {
    if (this.#ending !== undefined || turn?.aborted) return false
    this.#show('starting')
    const position = await this.#start()
    await this.#book.load()
    this.#position = position
    this.status.position = position
    await this.#handler.reset?.()
    const session = new Session({
      hub: this.#hub,
      spec: this.#spec,
      handler: this.#handler,
      book: this.#book,
      gauge: this.status,
      checkpoints: this.#checkpoints,
      position,
    })
    this.#session = session
    turn?.addEventListener('abort', () => session.end(true))
    if (this.#ending !== undefined || turn?.aborted || this.#reset !== undefined) session.end(false)
    let failure: { readonly error: unknown } | undefined
    const note = (error: unknown): void => {
      failure ??= { error }
    }
    const reached = await session.run().catch(note)
    this.#position = session.position
    this.#session = undefined
    await this.#checkpoints?.flush().catch(note)
    await (async () => this.#handler.stop?.())().catch(note)
    // What went wrong first is what the consumer ended by.
    if (failure !== undefined) throw failure.error
    return reached === 'head-reached'
  }

  /** Where this run begins. */
  async #start(): Promise<number> {
    if (this.#reset !== undefined) {
      const { to, done, fail } = this.#reset
      this.#reset = undefined
      await this.#checkpoints?.reset(to).catch((error: unknown) => {
        fail(error)
        throw error
      })
      done()
      this.status.checkpoint = to
      return to
    }
    const stored = await this.#checkpoints?.load()
    this.status.checkpoint = stored ?? 0
    const found = stored ?? this.#position
    if (found !== undefined) return found
    const { from, fromDatabase } = this.#spec
    if (fromDatabase !== undefined && (await headOf(this.#hub)).database !== fromDatabase)
      throw new TidelogError('tidelog/marker-expired', 'the marker is of another database')
    const position = from === 'start' ? 0 : from === 'head' ? (await (this.#head as Promise<Marker>)).confirmed : from
    // What it began with is kept before its first event: a start at the head must not move with the log.
    if (from !== 'start') await this.#checkpoints?.begin(position)
    this.status.checkpoint = position
    return position
  }

  /** Does what was asked for from elsewhere: what is due is tried again, what was discarded is forgotten. */
  kick(): void {
    const look = async (): Promise<void> => {
      if (this.#session === undefined || this.#spec.name === undefined) return
      await this.#book.load()
      const due = this.#book.waiting.filter(({ status }) => status === 'due')
      if (due.length > 0 && this.#session !== undefined) await this.#retry(undefined, due)
    }
    look().catch(() => {})
  }

  async #retry(at: number | undefined, chosen?: readonly ConsumerFailure[]): Promise<number> {
    const session = this.#session
    mustBe(session !== undefined, 'a retry', 'while the consumer does not run')
    return session.between(async (handling) => {
      let handled = 0
      /** Where an earlier one has failed again. */
      const stuck = new Set<string>()
      for (const { position } of chosen ?? this.#waiting(at)) {
        const request = confirmedBehind(position - 1, { seen: 0, limit: 1 })
        const { confirmed } = await this.#hub.ports.call((api) => api.changes(request))
        const [raw] = rawEventsIn(confirmed)
        if (raw === undefined || stuck.has(raw[0].stream)) continue
        if (await handling.handleAgain(raw)) handled++
        else if (this.#spec.onError.holdStream) stuck.add(raw[0].stream)
      }
      this.status.tell()
      return handled
    })
  }

  async #discard(at: number | undefined): Promise<number> {
    const { name } = this.#spec
    const gone = this.#waiting(at)
    for (const { position } of gone) {
      const changes = this.#book.forget(position)
      if (name !== undefined) await this.#hub.ports.call((api) => api.keep(changes))
    }
    this.status.tell()
    return gone.length
  }

  #waiting(at: number | undefined) {
    return this.#book.shown
      .get()
      .filter((failure) => isWaiting(failure) && (at === undefined || failure.position === at))
  }
}

function checkpointsOf({ ports }: Hub, { name, shard, checkpoint }: ConsumerSpec): Checkpoints | undefined {
  if (name === undefined) return undefined
  const { store } = checkpoint
  if (store === undefined) return new LogCheckpoints(ports, name, shard)
  return storedCheckpoints(ports, store, shard ? `${name}/${shard.index}.${shard.of}` : name)
}

/** Where the log is for this tab in this turn, without a look at the disk, which might see what comes later. */
async function headOf({ ports }: Hub): Promise<Marker> {
  const request = confirmedBehind(Number.MAX_SAFE_INTEGER, { seen: 0, limit: 1 })
  const { head } = await ports.call((api) => api.changes(request))
  return head
}
