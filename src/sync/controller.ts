import { GuardedLock, type LockPorts } from '../core/guarded-lock.ts'
import type { Channel, Clock, Random } from '../core/ports.ts'
import type { Engine } from '../log/engine.ts'
import {
  type Notice,
  noticeVersion,
  type SyncLink,
  type SyncNotice,
  type SyncRequest,
  type SyncWish,
} from '../protocol/notice.ts'
import { type PushedAll, pushAll } from './attach.ts'
import { type Seeking, seekLead } from './leader.ts'
import { Pump } from './pump.ts'
import type { Transport } from './transport.ts'

export interface ControllerOptions extends LockPorts {
  readonly engine: Engine
  readonly channel: Channel
  readonly clock: Clock
  readonly random: Random
  /** Makes the way to the server; it asks for the headers at each request. */
  readonly transport: (headers: () => Readonly<Record<string, string>>) => Transport
  readonly credentials: Readonly<Record<string, string>>
  readonly downloadFrom?: number | undefined
  /** Called when this worker has brought the log to where the server is. */
  readonly onLive?: () => void
}

/** A leader that is blocked lets another worker lead, which may know how to decide again; not more often than this. */
const yieldMs = 60_000

/** Sync as one worker sees it: it runs the pump while it leads, and otherwise repeats what the leader says. */
export class SyncController {
  readonly #options: ControllerOptions
  #seeking: Seeking | undefined
  #pump: Pump | undefined
  #link: SyncLink = { state: 'starting', sent: 0, serverHead: 0, failures: 0 }
  #credentials: Readonly<Record<string, string>>
  #isPaused = false
  /** When it let the lead go. */
  #yieldedAt = 0

  constructor(options: ControllerOptions) {
    this.#options = options
    this.#credentials = options.credentials
  }

  /** What the syncing worker said last, if it said anything. */
  get heard(): SyncLink | undefined {
    return this.#link.state === 'starting' ? undefined : this.#link
  }

  /** Asks for the lead, and for what the present leader knows. */
  start(): void {
    this.#post({ kind: 'sync-request' })
    const { engine, clock } = this.#options
    const lock = new GuardedLock(`tidelog/${engine.view.identity}/leader`, this.#options)
    this.#seeking = seekLead(lock, clock, (over) => this.#lead(over))
  }

  /** The page is about to be frozen or left, or is back: the lead is for others meanwhile. */
  suspend(isSuspended: boolean): void {
    this.#seeking?.suspend(isSuspended)
  }

  /** Lets the lead go; resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    await this.#seeking?.stop()
  }

  /** The log moved: there may be something to push. */
  moved(): void {
    if (this.#options.engine.view.pending.size > 0) this.#pump?.nudge()
  }

  ask(wish: SyncWish): void {
    this.#obey(wish)
    this.#post({ kind: 'sync-request', wish })
  }

  setCredentials(credentials: Readonly<Record<string, string>>): void {
    this.#renew(credentials)
    this.#post({ kind: 'sync-request', credentials })
  }

  /** Gives all of a log that was its own sequencer to a server that has nothing else; answers how far. */
  pushAll(): Promise<PushedAll> {
    const { engine, transport } = this.#options
    return pushAll(
      engine,
      transport(() => this.#credentials),
    )
  }

  /** A notice of another worker. */
  hear(notice: Notice): void {
    // A leader that was thought dead may still speak: who leads goes by itself.
    if (notice.kind === 'sync' && this.#pump === undefined) {
      this.#link = notice.link
      this.#isPaused = notice.link.state === 'paused'
    }
    if (notice.kind !== 'sync-request') return
    const { credentials, wish } = notice
    if (credentials !== undefined) this.#renew(credentials)
    if (wish !== undefined) this.#obey(wish)
    else if (this.#pump !== undefined) this.#tell(this.#link)
  }

  #renew(credentials: Readonly<Record<string, string>>): void {
    this.#credentials = credentials
    this.#pump?.renewed()
  }

  #obey(wish: SyncWish): void {
    if (wish === 'now') this.#pump?.now()
    else if (wish === 'awake') this.#pump?.awake()
    else {
      this.#isPaused = wish === 'pause'
      if (this.#isPaused) this.#pump?.pause()
      else this.#pump?.resume()
    }
  }

  async #lead(over: AbortSignal): Promise<void> {
    const { engine, clock, random, transport, downloadFrom } = this.#options
    if (engine.view.local === true) {
      this.#tell({ ...this.#link, state: 'needs-attach' })
      return new Promise((resolve) => over.addEventListener('abort', () => resolve()))
    }
    const options = {
      engine,
      clock,
      random,
      downloadFrom,
      transport: transport(() => this.#credentials),
      onLink: (link: SyncLink) => this.#tell(link),
    }
    const pump = new Pump(options, this.#isPaused)
    this.#pump = pump
    over.addEventListener('abort', () => pump.stop())
    try {
      await pump.run()
    } finally {
      this.#pump = undefined
      // What was said here last may have been said after another began to lead.
      this.#post({ kind: 'sync-request' })
    }
  }

  #tell(link: SyncLink): void {
    this.#link = link
    this.#post({ kind: 'sync', link })
    if (link.state === 'live') this.#options.onLive?.()
    const { clock } = this.#options
    // Also when the clock was set back since.
    if (link.state !== 'blocked' || Math.abs(clock.now() - this.#yieldedAt) < yieldMs) return
    this.#yieldedAt = clock.now()
    this.#pump?.stop()
  }

  #post(notice: Bare<SyncNotice> | Bare<SyncRequest>): void {
    const { channel, engine } = this.#options
    channel.post({ v: noticeVersion, database: engine.view.identity, ...notice })
  }
}

/** A notice without what every one of them has. */
type Bare<N> = Omit<N, 'v' | 'database'>
