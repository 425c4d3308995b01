import type { Clock, Random } from '../core/ports.ts'
import { Wake } from '../core/wake.ts'
import { takePage } from '../log/confirm.ts'
import type { Engine } from '../log/engine.ts'
import type { SyncLink } from '../protocol/notice.ts'
import { backoffMs, retryAfterMsMax } from './backoff.ts'
import { Downloads } from './download.ts'
import { Exchange } from './exchange.ts'
import { type SyncFailure, toFailure } from './failure.ts'
import { keepRetry, loadRetry } from './retry-store.ts'
import type { LiveMessage, Transport } from './transport.ts'

export interface PumpOptions {
  readonly engine: Engine
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  /** Who is behind by so many events looks for segments; 10,000 by default. */
  readonly downloadFrom?: number | undefined
  /** Called with each change of the link. */
  readonly onLink: (link: SyncLink) => void
}

/** What has not answered for this long may be dead, when somebody asks for another try. */
const silentMs = 3_000
/** The same when a page is looked at again: longer than the pause between two heartbeats of a live stream. */
const asleepMs = 20_000
/** After so many failures in a row, or refused credentials, only time and who asks for it cause another try. */
const failuresMax = 5
/** What can't be decided again is tried again this often even when nothing moves. */
const blockedMs = 60_000
/** Where no stream gets through, the server is asked this often, and to hold its answer back for so long. */
const longPollMs = 25_000
/** A stream is tried again after this long. */
const streamlessMs = 5 * 60_000

/** Who is behind by so many events is told at once how far; of fewer, the end of the exchange tells soon enough. */
const toldBehindMin = 1_000

/**
 * Keeps a log in step with its server while it runs.
 * - One exchange at a time; news that come during one start another after it.
 * - A failure never ends it: it waits, or waits to be woken, and everything stays pending meanwhile.
 * - What waits after a failure goes on waiting under the next leader.
 * - Paused, it talks to nobody.
 */
export class Pump {
  readonly #options: PumpOptions
  readonly #exchange: Exchange
  readonly #wake = new Wake()
  #link: SyncLink
  /** The server asked not to be asked before this time. */
  #holdUntil = 0
  /** Refused credentials since the last success. */
  #refusals = 0
  /** Something came since the exchange began. */
  #hasNews = false
  #isPaused: boolean
  /** The wire that the live stream, or the long poll, hangs on while it is open. */
  #liveOn: AbortController | undefined
  #streamlessUntil = 0
  #lastLifeAt = 0
  #isStopped = false
  /** Aborts what is on the wire now. */
  #wire = new AbortController()

  constructor(options: PumpOptions, isPaused: boolean) {
    this.#options = options
    this.#isPaused = isPaused
    this.#link = { state: isPaused ? 'paused' : 'starting', sent: 0, serverHead: 0, failures: 0 }
    const { engine, transport, downloadFrom } = options
    const learn = (serverHead: number, sent?: number): void => this.#learn(serverHead, sent)
    this.#exchange = new Exchange(engine, transport, learn, new Downloads(engine, transport, downloadFrom))
  }

  /** The app, or the network, asks for another try: what has been silent for a while is given up. */
  now(): void {
    this.#giveUp(silentMs)
    this.#wake.wake()
  }

  /** A page is looked at again: what waits tries now, unless the server said when to come back; what is live stays. */
  awake(): void {
    this.#giveUp(asleepMs)
    const isLive = this.#link.state === 'live' && this.#liveOn?.signal.aborted === false
    if (!isLive && this.#isFree()) this.#wake.stir()
  }

  /** A local commit, or something at the server: it causes a try, unless that is known to be in vain for now. */
  nudge(): void {
    this.#hasNews = true
    const { state, failures } = this.#link
    const mayHelp =
      state === 'waiting' ? failures < failuresMax && this.#isFree() : state === 'live' || state === 'blocked'
    if (mayHelp) this.#wake.stir()
  }

  /** Fresh credentials are there. */
  renewed(): void {
    if (this.#link.state !== 'waiting' && this.#refusals < failuresMax) this.#wake.wake()
  }

  pause(): void {
    this.#isPaused = true
    this.#wire.abort()
    this.#wake.wake()
  }

  resume(): void {
    this.#isPaused = false
    this.#wake.wake()
  }

  stop(): void {
    this.#isStopped = true
    this.#wire.abort()
    this.#wake.wake()
  }

  /** Runs until {@link stop}. */
  async run(): Promise<void> {
    await this.#goOnWaiting()
    while (!this.#isStopped) {
      if (this.#isPaused) {
        this.#say({ state: 'paused' })
        await this.#wake.wait()
        continue
      }
      if (this.#wire.signal.aborted) this.#wire = new AbortController()
      this.#hasNews = false
      this.#lastLifeAt = this.#options.clock.now()
      try {
        const { state } = this.#link
        if (state !== 'blocked') this.#say({ state: state === 'live' ? 'live' : 'working' })
        await this.#exchange.run(this.#wire.signal)
        await this.#idle({ state: 'live' })
      } catch (error) {
        if (!this.#wire.signal.aborted) await this.#standBack(toFailure(error))
      }
    }
  }

  /** Waits where the last leader waited. */
  async #goOnWaiting(): Promise<void> {
    const { engine, clock } = this.#options
    const retry = await loadRetry(engine).catch(() => undefined)
    if (retry === undefined) return
    const { link, holdUntil } = retry
    this.#link = { ...link, state: this.#link.state }
    const leftMs = (link.retryAt ?? 0) - clock.now()
    // A clock that was set back must not make it wait for ever.
    if (this.#isPaused || leftMs <= 0 || leftMs > retryAfterMsMax) return
    this.#holdUntil = holdUntil
    this.#say(link)
    await this.#wake.waitFor(clock, leftMs)
  }

  /** The server answered all that was asked: waits for a reason to go on. */
  async #idle(change: Change): Promise<void> {
    const { engine, clock } = this.#options
    if (this.#link.failures > 0) keepRetry(engine, undefined)
    this.#holdUntil = 0
    this.#refusals = 0
    this.#follow()
    this.#say({ ...change, failures: 0 })
    if (this.#hasNews) return
    await (change.state === 'blocked' ? this.#wake.waitFor(clock, blockedMs) : this.#wake.wait())
  }

  async #standBack({ kind, type, message, retryAfterMs = 0 }: SyncFailure): Promise<void> {
    const lastError = { type, message }
    if (kind === 'blocked') return this.#idle({ state: 'blocked', lastError })
    const { engine, clock, random } = this.#options
    const failures = this.#link.failures + 1
    const state = kind === 'too-large' ? 'waiting' : kind
    if (kind === 'needs-credentials') this.#refusals += 1
    const isTimed = state === 'waiting' || this.#refusals >= failuresMax
    this.#holdUntil = clock.now() + retryAfterMs
    // What kept the stream away may have been this failure.
    this.#streamlessUntil = 0
    const retryAt = isTimed ? clock.now() + backoffMs(failures, random, retryAfterMs) : undefined
    this.#say({ state, failures, lastError, ...(retryAt === undefined ? {} : { retryAt }) })
    keepRetry(engine, { link: this.#link, holdUntil: this.#holdUntil })
    await (retryAt === undefined ? this.#wake.wait() : this.#wake.waitFor(clock, retryAt - clock.now()))
  }

  /** Opens the live stream, or a long poll where none gets through, if it is not open. It only brings news. */
  #follow(): void {
    const wire = this.#wire
    if (this.#liveOn === wire) return
    this.#liveOn = wire
    const { clock } = this.#options
    const leftMs = this.#streamlessUntil - clock.now()
    // A clock that was set back must not make it wait for longer, here and below.
    const isStreamless = leftMs > 0 && leftMs <= streamlessMs
    const again = (pauseMs: number): void => {
      if (wire.signal.aborted || this.#liveOn !== wire) return
      this.#liveOn = undefined
      clock.after(pauseMs, () => this.nudge())
    }
    if (isStreamless) this.#longPoll(wire.signal).then(again, () => again(longPollMs))
    else this.#stream(wire.signal).then(again)
  }

  /** Follows the live stream to its end; gives the pause before it is tried again. */
  async #stream(signal: AbortSignal): Promise<number> {
    const { engine, transport, clock, random } = this.#options
    let opened = false
    const onMessage = (message: LiveMessage): void => {
      opened = true
      this.#hear(message).catch(() => this.nudge())
    }
    await transport.live(engine.view.confirmed.head, onMessage, signal).catch(() => {})
    if (opened) return backoffMs(1, random)
    if (!signal.aborted) this.#streamlessUntil = clock.now() + streamlessMs
    return 0
  }

  /** Stands for a live stream until it brings something; gives the pause before the next one. */
  async #longPoll(signal: AbortSignal): Promise<number> {
    const { engine, transport, clock } = this.#options
    const { head } = engine.view.confirmed
    const startedAt = clock.now()
    const page = await transport.pull(head, signal, longPollMs)
    if (page.status === 'page') await this.#hear({ head: page.head, page })
    const hasMoved = engine.view.confirmed.head.position > head.position
    return hasMoved ? 0 : Math.min(longPollMs, startedAt + longPollMs - clock.now())
  }

  async #hear({ head, page }: LiveMessage): Promise<void> {
    const { engine } = this.#options
    this.#learn(head)
    if (head === undefined) return
    if (page !== undefined) await takePage(engine, page)
    if (engine.view.confirmed.head.position < head || engine.view.pending.size > 0) this.nudge()
  }

  #learn(serverHead = 0, sent = 0): void {
    const { engine, clock, onLink } = this.#options
    const isFurther = serverHead > this.#link.serverHead
    this.#lastLifeAt = clock.now()
    this.#link = {
      ...this.#link,
      serverHead: Math.max(this.#link.serverHead, serverHead),
      sent: Math.max(this.#link.sent, sent),
      lastAnswerAt: this.#lastLifeAt,
    }
    if (isFurther && serverHead - engine.view.confirmed.head.position > toldBehindMin) onLink(this.#link)
  }

  #isFree(): boolean {
    const leftMs = this.#holdUntil - this.#options.clock.now()
    return leftMs <= 0 || leftMs > retryAfterMsMax
  }

  #giveUp(ms: number): void {
    if (Math.abs(this.#options.clock.now() - this.#lastLifeAt) > ms) this.#wire.abort()
  }

  #say(change: Change): void {
    const { lastError: _error, retryAt: _retry, ...rest } = this.#link
    this.#link = { ...rest, ...change }
    this.#options.onLink(this.#link)
  }
}

type Change = Pick<SyncLink, 'state'> & Partial<SyncLink>
