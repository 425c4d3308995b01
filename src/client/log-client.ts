import { definitionsOf, type EventMap } from '../core/event.ts'
import type { Model } from '../core/model.ts'
import { type Cell, createCell } from '../core/observable.ts'
import type { Marker } from '../core/outcome.ts'
import type { Clock, OpenChannel, Random } from '../core/ports.ts'
import type { Projection } from '../core/projection.ts'
import { mustBeStreamName } from '../core/queries.ts'
import type { SyncLink } from '../protocol/notice.ts'
import { type AppendAnswer, databaseName, type OpenAnswer } from '../protocol/worker.ts'
import type { AppendArguments } from './append-call.ts'
import { type AnyOutcome, Appends } from './appends.ts'
import { Connection, type Session } from './connection.ts'
import { DeadLetterBox } from './dead-letters.ts'
import { Feed } from './feed.ts'
import { type AnyReadOptions, type AnyReadResult, readLog } from './reads.ts'
import { SyncPanel } from './sync-panel.ts'
import type { DeadLetters, LogHead, StorageStatus, StreamHead, SyncControl, View } from './types.ts'
import { Views } from './views.ts'
import { whenConfirmed } from './when-confirmed.ts'

export interface ClientPorts {
  readonly clock: Clock
  readonly random: Random
  readonly openChannel: OpenChannel
  /** Starts a worker that opens the log; called again when it died. */
  readonly start: (onOpen: (answer: Opened) => void) => Promise<Session>
  readonly credentials?: () => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>
}
export type Opened = Extract<OpenAnswer, { ok: true }>

/** The page's half of a log. The types of `Log` are put on by `openLog`; here events are plain. */
export class LogClient<M extends EventMap> {
  readonly name: string
  readonly ready: Promise<void>
  readonly sync: SyncControl
  readonly storage: Cell<StorageStatus>
  readonly deadLetters: DeadLetters<M>
  readonly #definitions: EventMap
  readonly #connection: Connection
  readonly #feed: Feed
  readonly #appends: Appends
  readonly #views: Views
  readonly #panel: SyncPanel

  constructor(model: Model<M>, key: string, ports: ClientPorts) {
    this.name = model.name
    this.#definitions = definitionsOf(model.events)
    this.storage = createCell<StorageStatus>({ state: 'opening', durable: false })
    this.#connection = new Connection(() => ports.start((answer) => this.#opened(answer)))
    this.#panel = new SyncPanel(this.#connection, ports.credentials)
    this.#feed = new Feed(ports.openChannel, databaseName(model.name, key), (link: SyncLink) => this.#panel.hear(link))
    this.#feed.onMoved((notice) => this.#panel.moved(notice))
    this.sync = this.#panel
    this.#appends = new Appends(this.#connection, this.#definitions, ports, (answer) => this.#noteRoom(answer))
    const box = new DeadLetterBox<M>(this.#connection, this.#definitions)
    this.#feed.onMoved((notice) => box.moved(notice))
    this.deadLetters = box
    const call = this.#connection
    this.#views = new Views(
      {
        changes: (request) => call.call((api) => api.changes(request)),
        getSnapshot: (name) => call.call((api) => api.getSnapshot(name)),
        putSnapshot: (name, snapshot) => call.call((api) => api.putSnapshot(name, snapshot)),
        onMoved: (listener) => this.#feed.onMoved((notice) => listener(notice?.head)),
      },
      ports.clock,
    )
    this.ready = this.#connection.ready()
    this.ready.catch((error: unknown) => {
      const problem = error instanceof Error ? error.message : String(error)
      this.storage.set({ state: 'lost', durable: false, problem })
    })
  }

  append(...args: AppendArguments): Promise<AnyOutcome> {
    return this.#appends.append(args)
  }

  read(options: AnyReadOptions = {}): AnyReadResult {
    return readLog(this.#connection, this.#definitions, options)
  }

  view<S, P>(projection: Projection<M, S, P>, params: P): View<S> {
    return this.#views.open(projection, params)
  }

  async logHead(): Promise<LogHead> {
    const { head, pending } = await this.#connection.call((api) => api.heads([]))
    return { marker: head, confirmed: head.confirmed, pending }
  }

  async streamHead(stream: string): Promise<StreamHead> {
    mustBeStreamName(stream)
    const { streams } = await this.#connection.call((api) => api.heads([stream]))
    return streams[0] ?? { version: 0, confirmed: 0 }
  }

  whenConfirmed(
    receipt: { readonly commitId: string; readonly head?: Marker },
    options: { readonly signal?: AbortSignal } = {},
  ): ReturnType<typeof whenConfirmed> {
    return whenConfirmed(this.#connection, this.#feed, this.#definitions, receipt.commitId, options.signal)
  }

  async close(): Promise<void> {
    this.#views.close()
    await this.#connection.close()
    this.#feed.close()
    this.storage.set({ state: 'closed', durable: this.storage.get().durable })
  }

  #opened(answer: Opened): void {
    const { durable, readOnly, problem } = answer
    const state = readOnly ? 'needs-newer-app' : durable ? 'ok' : 'memory'
    this.storage.set({ state, durable, ...(problem === undefined ? {} : { problem }) })
    this.#panel.opened(answer)
    this.#feed.look()
  }

  #noteRoom(answer: AppendAnswer): void {
    const { state, durable } = this.storage.get()
    const isFull = !answer.ok && answer.reason.type === 'StorageFull'
    if (isFull && state === 'ok') this.storage.set({ state: 'full', durable })
    else if (answer.ok && state === 'full') this.storage.set({ state: 'ok', durable })
  }
}
