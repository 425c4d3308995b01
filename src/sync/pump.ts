import type { Clock, Random } from '../core/ports.ts'
import { takePage } from '../log/confirm.ts'
import type { Engine } from '../log/engine.ts'
import type { SyncLink } from '../protocol/notice.ts'
import { backoffMs } from './backoff.ts'
import { Exchange, type Learned } from './exchange.ts'
import { type SyncFailure, toFailure } from './failure.ts'
import { Wake } from './signal.ts'
import type { LiveMessage, Transport } from './transport.ts'

export interface PumpOptions {
  readonly engine: Engine
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  /** Called with each change of the link. */
  readonly onLink: (link: SyncLink) => void
  /** Without a live stream the server is asked this often. */
  readonly pollMs?: number
}

/** What has not answered for this long may be dead. */
const silentMs = 3_000

/**
 * Keeps a log in step with its server while it runs.
 * - One exchange at a time; a wake during one starts another after it.
 * - A failure never ends it: it waits, or waits to be woken, and everything stays pending meanwhile.
 * - Paused, it talks to nobody.
 */
export class Pump {
  readonly #options: PumpOptions
  readonly #exchange: Exchange
  readonly #wake = new Wake()
  #link: SyncLink
  #failures = 0
  /** The server asked not to be asked before this time. */
  #holdUntil = 0
  #isPaused: boolean
  /** The wire that the live stream hangs on, while it is open. */
  #liveOn: AbortController | undefined
  readonly #ending = new AbortController()
  /** Aborts what is on the wire now. */
  #wire = new AbortController()

  constructor(options: PumpOptions, isPaused: boolean) {
    this.#options = options
    this.#isPaused = isPaused
    this.#link = { state: isPaused ? 'paused' : 'starting', sent: 0, serverHead: 0 }
    this.#exchange = new Exchange(options.engine, options.transport, (learned) => this.#learn(learned))
  }

  get link(): SyncLink {
    return this.#link
  }

  /** Something may be there to sync: a local commit, a request of the app, the network is back. */
  wake(): void {
    this.#wake.wake()
  }

  /** The app, or the network, asks for another try: what has been silent for a while is given up. */
  now(): void {
    const { lastAnswerAt = 0 } = this.#link
    if (this.#options.clock.now() - lastAnswerAt > silentMs) this.#wire.abort()
    this.#wake.wake()
  }

  /** A local commit came: it wakes the pump, unless the server said when to come back. */
  nudge(): void {
    if (this.#options.clock.now() >= this.#holdUntil) this.#wake.wake()
  }

  pause(): void {
    this.#isPaused = true
    this.#wire.abort()
    this.#wake.wake()
  }

  resume(): void {
    this.#isPaused = false
    this.#failures = 0
    this.#wake.wake()
  }

  stop(): void {
    this.#ending.abort()
    this.#wire.abort()
    this.#wake.wake()
  }

  /** Runs until {@link stop}. */
  async run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      if (this.#isPaused) {
        this.#say({ state: 'paused' })
        await this.#wake.wait()
        continue
      }
      if (this.#wire.signal.aborted) this.#wire = new AbortController()
      try {
        this.#say({ state: this.#link.state === 'live' ? 'live' : 'working' })
        await this.#exchange.run(this.#wire.signal)
        this.#failures = 0
        this.#follow()
        this.#say({ state: 'live' })
        await this.#idle()
      } catch (error) {
        if (!this.#wire.signal.aborted) await this.#standBack(toFailure(error))
      }
    }
  }

  /** Waits for a reason to go on; without a live stream for not longer than the poll. */
  async #idle(): Promise<void> {
    const { clock, pollMs = 30_000 } = this.#options
    const callOff = this.#liveOn === this.#wire ? () => {} : clock.after(pollMs, () => this.wake())
    await this.#wake.wait()
    callOff()
  }

  async #standBack(failure: SyncFailure): Promise<void> {
    const { clock, random } = this.#options
    const lastError = { type: failure.type, message: failure.message }
    this.#failures += 1
    if (failure.kind === 'credentials') this.#say({ state: 'needs-credentials', lastError })
    else if (failure.kind === 'diverged') this.#say({ state: 'diverged', lastError })
    else if (failure.kind === 'stop') this.#say({ state: 'stopped', lastError })
    else {
      const { retryAfterMs = 0 } = failure
      const waitMs = backoffMs(this.#failures, random, retryAfterMs)
      this.#holdUntil = clock.now() + retryAfterMs
      this.#say({ state: 'waiting', lastError, retryAt: clock.now() + waitMs })
      const callOff = clock.after(waitMs, () => this.wake())
      await this.#wake.wait()
      callOff()
      return
    }
    await this.#wake.wait()
  }

  /** Opens the live stream if it is not open. It only brings news; what is missed is pulled. */
  #follow(): void {
    const wire = this.#wire
    if (this.#liveOn === wire) return
    this.#liveOn = wire
    const { engine, transport, clock, random } = this.#options
    let opened = false
    const onMessage = (message: LiveMessage): void => {
      opened = true
      this.#hear(message).catch(() => this.wake())
    }
    const again = (): void => {
      if (wire.signal.aborted || this.#liveOn !== wire) return
      this.#liveOn = undefined
      // A stream that ends is opened again soon; one that can't be opened is left to the poll for a while.
      clock.after(backoffMs(opened ? 1 : 6, random), () => this.wake())
    }
    transport.live(engine.view.confirmed.head, onMessage, wire.signal).then(again, again)
  }

  async #hear(message: LiveMessage): Promise<void> {
    const { engine } = this.#options
    if (message.kind === 'alive') return
    const head = message.kind === 'head' ? message.head : message.page.head
    this.#learn({ serverHead: head, sent: 0 })
    if (message.kind === 'page') await takePage(engine, message.page)
    if (engine.view.confirmed.head.position < head || engine.view.pending.size > 0) this.wake()
  }

  #learn({ serverHead, sent }: Learned): void {
    this.#link = {
      ...this.#link,
      serverHead: Math.max(this.#link.serverHead, serverHead),
      sent: Math.max(this.#link.sent, sent),
      lastAnswerAt: this.#options.clock.now(),
    }
  }

  #say(change: Pick<SyncLink, 'state'> & Partial<SyncLink>): void {
    const { lastError: _error, retryAt: _retry, ...rest } = this.#link
    this.#link = { ...rest, ...change }
    this.#options.onLink(this.#link)
  }
}
