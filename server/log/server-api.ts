import { TidelogError } from '../../src/core/errors.ts'
import type { Channel, OpenChannel } from '../../src/core/ports.ts'
import { channelName, type MovedNotice, noticeVersion, type SyncLink } from '../../src/protocol/notice.ts'
import type { AppendAnswer, AppendText, KeptChanges, OpenAnswer, WorkerApi } from '../../src/protocol/worker.ts'
import type { LogStore } from '../store.ts'
import type { KeptLog, Rows } from './kept-log.ts'
import type { Leases } from './leases.ts'
import type { LogIndex } from './log-index.ts'
import { LogReader } from './log-reader.ts'
import type { LogWriter } from './log-writer.ts'

export interface ServerApiParts {
  readonly store: LogStore
  readonly log: string
  readonly index: LogIndex
  readonly writer: LogWriter
  readonly kept: KeptLog
  readonly leases: Leases
  readonly openChannel: OpenChannel
  /** Names what is asked for, as in the channels of the log. */
  readonly database: string
  /** Has what runs by itself look again. */
  readonly kick: () => void
}
type Opened = Extract<OpenAnswer, { readonly ok: true }>

const offLink: SyncLink = { state: 'off', sent: 0, serverHead: 0, failures: 0 }

/** What stands for the worker of a browser: a log of a store, of which all is confirmed. */
export class ServerApi implements WorkerApi {
  readonly #parts: ServerApiParts
  readonly #reader: LogReader
  readonly #channel: Channel
  #told = 0
  #unwatch = (): void => {}

  constructor(parts: ServerApiParts) {
    this.#parts = parts
    this.#reader = new LogReader(parts.index)
    this.#channel = parts.openChannel(channelName(parts.database), () => {})
  }

  async open(): Promise<Opened> {
    const { store, log, index, kept } = this.#parts
    this.#unwatch()
    this.#unwatch = store.watch(log, (head) => this.#hear(head))
    kept.watch()
    await index.reach()
    const head = index.marker
    this.#told = head.revision
    const storage = { state: 'ok', durable: true } as const
    return { ok: true, database: head.database, name: log, storage, sync: offLink, head, pending: 0 }
  }

  async append(batch: readonly AppendText[]): Promise<readonly AppendAnswer[]> {
    const answers = await Promise.all(batch.map((text) => this.#append(text)))
    this.#tell()
    return answers
  }

  /** What is kept with a commit follows it: until then the commit is found by its id. */
  async #append(text: AppendText): Promise<AppendAnswer> {
    const [answer, incoming] = await this.#parts.writer.append(text)
    const isNew = answer.ok && (answer.known === undefined || incoming?.commit.command !== undefined)
    if (!isNew || incoming?.keep === undefined) return answer
    const { kept } = this.#parts
    // A checkpoint that is lost costs another look at events whose commits are found by their ids.
    if (isCheckpoint(incoming.keep)) kept.keepSoon(incoming.keep)
    else await kept.keep(incoming.keep)
    return answer
  }

  read(...[request]: Parameters<WorkerApi['read']>): ReturnType<WorkerApi['read']> {
    return this.#reader.read(request)
  }
  changes(...[request]: Parameters<WorkerApi['changes']>): ReturnType<WorkerApi['changes']> {
    return this.#reader.changes(request)
  }
  heads(streams: readonly string[]): ReturnType<WorkerApi['heads']> {
    return this.#reader.heads(streams)
  }
  async commitState(id: string): ReturnType<WorkerApi['commitState']> {
    const { index } = this.#parts
    await index.reach()
    const first = index.positionOf(id)
    return first === undefined ? { status: 'unknown' } : { status: 'confirmed', position: first }
  }
  async withdraw(id: string): ReturnType<WorkerApi['withdraw']> {
    const state = await this.commitState(id)
    return {
      ok: false,
      reason: state.status === 'confirmed' ? { type: 'Confirmed', position: state.position } : { type: 'NotPending' },
    }
  }

  listKept(chain: string): ReturnType<WorkerApi['listKept']> {
    return this.#parts.kept.list(chain)
  }
  lookUp(...[asks]: Parameters<WorkerApi['lookUp']>): ReturnType<WorkerApi['lookUp']> {
    return this.#parts.kept.lookUp(asks)
  }
  keep(changes: KeptChanges): Promise<boolean> {
    return this.#parts.kept.keep(changes)
  }

  /** Refuses the checkpoint of a consumer that another process runs: who lost its lock must not say how far it is. */
  readonly mustHold = async ({ put = [] }: KeptChanges, rows: Rows): Promise<void> => {
    const { leases, database } = this.#parts
    for (const { chain } of put) {
      const [kind, name = '', part = ''] = chain.split('/')
      if (kind !== 'consumer' && kind !== 'state') continue
      const shard = part.endsWith('.1') ? '' : `/${part}`
      if (!(await leases.isElsewhere(`${database}/consumer/${decodeURIComponent(name)}${shard}`, rows))) continue
      await leases.check(rows)
      throw new TidelogError('tidelog/consumer-taken', `another process runs the consumer ${decodeURIComponent(name)}`)
    }
  }

  async getSnapshot(): Promise<undefined> {}
  async putSnapshot(): Promise<void> {}
  async listDeadLetters(): Promise<readonly []> {
    return []
  }
  async discardDeadLetter(): Promise<boolean> {
    return false
  }
  async retryDeadLetter(): Promise<undefined> {}
  async askSync(): Promise<void> {}
  async setPageLife(): Promise<void> {}
  async setCredentials(): Promise<void> {}

  readonly exportSegment: Refused = refuse
  readonly importSegment: Refused = refuse
  readonly adopt: Refused = refuse
  readonly attach: Refused = refuse
  readonly importFrom: Refused = refuse
  readonly listArchives: Refused = refuse
  readonly dropArchive: Refused = refuse
  readonly unsent: Refused = refuse
  readonly leave: Refused = refuse

  async close(): Promise<void> {
    const { kept, leases } = this.#parts
    this.#unwatch()
    leases.close()
    await kept.close()
    this.#channel.close()
  }

  /** Something was kept, here or by another process. */
  readonly onKept = (isAnnounced: boolean): void => {
    this.#parts.leases.look()
    if (!isAnnounced) return
    this.#parts.kick()
    this.#post(this.#told, this.#told)
  }

  #hear(head: number): void {
    if (head <= this.#told) return
    this.#parts.index.reach(head).then(
      () => this.#tell(),
      // Whoever asks next is told what is wrong.
      () => {},
    )
  }

  #tell(): void {
    const { revision } = this.#parts.index.marker
    if (revision <= this.#told) return
    const previous = this.#told
    this.#told = revision
    this.#post(previous, revision)
  }

  #post(previous: number, head: number): void {
    const { database } = this.#parts.index.marker
    const counts = { confirmed: head, pending: 0, reordered: 0 }
    this.#channel.post({ v: noticeVersion, kind: 'moved', database, previous, head, ...counts } satisfies MovedNotice)
  }
}

const isCheckpoint = ({ put = [], add, isAnnounced, delete: gone = [] }: KeptChanges): boolean =>
  add === undefined &&
  isAnnounced === undefined &&
  [...put, ...gone].every(({ chain }) => chain.startsWith('consumer/'))

/** What only a database of a browser can do. */
type Refused = () => Promise<never>
const refuse: Refused = async () => {
  throw new TidelogError('tidelog/argument', 'this makes no sense for a log of a server')
}
