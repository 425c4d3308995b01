import type { Channel, Clock, Locks, Random } from '../core/ports.ts'
import type { Engine } from '../log/engine.ts'
import { type Notice, noticeVersion, type SyncLink } from '../protocol/notice.ts'
import { Leadership } from './leader.ts'
import { Pump } from './pump.ts'
import { Wake } from './signal.ts'
import type { Transport } from './transport.ts'

export interface ControllerOptions {
  readonly engine: Engine
  readonly channel: Channel
  readonly clock: Clock
  readonly random: Random
  readonly locks: Locks
  /** Makes the way to the server; it asks for the headers at each request. */
  readonly transport: (headers: () => Readonly<Record<string, string>>) => Transport
  readonly credentials: Readonly<Record<string, string>>
}

/** Sync as one worker sees it: it runs the pump while it leads, and otherwise repeats what the leader says. */
export class SyncController {
  readonly #options: ControllerOptions
  readonly #leadership: Leadership
  #pump: Pump | undefined
  #link: SyncLink = { state: 'starting', sent: 0, serverHead: 0 }
  #credentials: Readonly<Record<string, string>>
  #isPaused = false
  #leading: Promise<void> = Promise.resolve()
  readonly #attachLater = new Wake()

  constructor(options: ControllerOptions) {
    this.#options = options
    this.#credentials = options.credentials
    const { engine, locks, clock } = options
    this.#leadership = new Leadership(`tidelog/${engine.view.identity}/leader`, locks, clock)
  }

  /** What the syncing worker said last, if it said anything. */
  get heard(): SyncLink | undefined {
    return this.#link.state === 'starting' ? undefined : this.#link
  }

  /** Asks for the lead, and for what the present leader knows. */
  start(): void {
    this.#post({})
    void this.#leadership.run(() => {
      this.#leading = this.#lead()
      return this.#leading
    })
  }

  /** Lets the lead go; resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#leadership.stop()
    this.#pump?.stop()
    this.#attachLater.wake()
    await this.#leading
  }

  /** The log moved: there may be something to push. */
  moved(): void {
    if (this.#options.engine.view.pending.size > 0) this.#pump?.nudge()
  }

  ask(wish: 'now' | 'pause' | 'resume'): void {
    this.#obey(wish)
    this.#post({ wish })
  }

  setCredentials(credentials: Readonly<Record<string, string>>): void {
    this.#credentials = credentials
    this.#pump?.wake()
    this.#post({ credentials })
  }

  /** A notice of another worker. */
  hear(notice: Notice): void {
    if (notice.kind === 'sync') {
      this.#link = notice.link
      this.#isPaused = notice.link.state === 'paused'
    }
    if (notice.kind !== 'sync-request') return
    if (notice.credentials !== undefined) this.#credentials = notice.credentials
    if (notice.wish !== undefined) this.#obey(notice.wish)
    else if (this.#pump !== undefined) this.#tell(this.#link)
    if (notice.credentials !== undefined) this.#pump?.wake()
  }

  #obey(wish: 'now' | 'pause' | 'resume'): void {
    if (wish === 'now') this.#pump?.now()
    else {
      this.#isPaused = wish === 'pause'
      if (this.#isPaused) this.#pump?.pause()
      else this.#pump?.resume()
    }
  }

  async #lead(): Promise<void> {
    const { engine, clock, random, transport } = this.#options
    if (engine.view.local === true) {
      this.#tell({ ...this.#link, state: 'needs-attach' })
      return this.#attachLater.wait()
    }
    const options = {
      engine,
      clock,
      random,
      transport: transport(() => this.#credentials),
      onLink: (link: SyncLink) => this.#tell(link),
    }
    const pump = new Pump(options, this.#isPaused)
    this.#pump = pump
    try {
      await pump.run()
    } finally {
      this.#pump = undefined
    }
  }

  #tell(link: SyncLink): void {
    this.#link = link
    const { channel, engine } = this.#options
    channel.post({ v: noticeVersion, kind: 'sync', database: engine.view.identity, link })
  }

  #post(request: { wish?: 'now' | 'pause' | 'resume'; credentials?: Readonly<Record<string, string>> }): void {
    const { channel, engine } = this.#options
    channel.post({ v: noticeVersion, kind: 'sync-request', database: engine.view.identity, ...request })
  }
}
