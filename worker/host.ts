import { mustBe, TidelogError } from '../src/core/errors.ts'
import type { Withdrawal } from '../src/core/outcome.ts'
import type { PageLife } from '../src/core/ports.ts'
import { mustBeRetentions } from '../src/core/retention.ts'
import { discardDeadLetter, listDeadLetters, settledAs } from '../src/log/dead-letters.ts'
import { keep, listKept, lookUp } from '../src/log/kept.ts'
import { withdraw } from '../src/log/rebase.ts'
import { getSnapshot, putSnapshot } from '../src/log/snapshots.ts'
import { exportSegment, importSegment } from '../src/log/transfer.ts'
import type { SyncLink, SyncWish } from '../src/protocol/notice.ts'
import {
  type ArchiveData,
  type AttachAnswer,
  type Bring,
  type BroughtAnswer,
  type CommitState,
  type LeaveAnswer,
  type OpenAnswer,
  type OpenRequest,
  type Snapshot,
  type Unsent,
  type Wipe,
  type WorkerApi,
  workerProtocol,
} from '../src/protocol/worker.ts'
import { mayBeSent } from '../src/sync/retry-store.ts'

import type { HostPorts } from './host-ports.ts'
import { type HostOptions, type Opened, openLog } from './open-log.ts'

/** Storage that was not to be had is asked for again after this long, then after twice as long, and so on. */
const retryMs = 2_000
const retryMsMax = 60_000

const offLink: SyncLink = { state: 'off', sent: 0, serverHead: 0, failures: 0 }

/** One log in this worker, as the page calls it. */
export class Host implements WorkerApi {
  readonly #ports: HostPorts
  readonly #options: HostOptions
  #opened: Promise<Opened> | undefined
  #stopTrying: () => void = () => {}
  #isClosed = false

  constructor(ports: HostPorts, options: HostOptions = {}) {
    this.#ports = ports
    this.#options = options
  }

  async open(request: OpenRequest): Promise<OpenAnswer> {
    if (request.protocol !== workerProtocol) {
      const message = `worker protocol ${workerProtocol}, page ${request.protocol}`
      return { ok: false, reason: { type: 'ProtocolMismatch', message } }
    }
    const { durability } = request
    mustBe(durability === 'relaxed' || durability === 'strict', 'durability', durability)
    mustBeRetentions(request.retentions ?? {})
    this.#opened ??= this.#open(request)
    const { engine, name, sync, storage } = await this.#opened
    const { view } = engine
    if (request.archive === undefined && view.movedTo !== undefined) engine.mustGoOn()
    return {
      ok: true,
      database: view.identity,
      name,
      storage: storage.status,
      sync: sync === undefined ? offLink : sync.heard,
      head: view.marker,
      pending: view.pending.size,
    }
  }

  async append(batch: Parameters<WorkerApi['append']>[0]): ReturnType<WorkerApi['append']> {
    return (await this.#log()).appender.append(batch)
  }
  async read(request: Parameters<WorkerApi['read']>[0]): ReturnType<WorkerApi['read']> {
    return (await this.#log()).reader.read(request)
  }
  async changes(request: Parameters<WorkerApi['changes']>[0]): ReturnType<WorkerApi['changes']> {
    return (await this.#log()).reader.changes(request)
  }
  async heads(streams: readonly string[]): ReturnType<WorkerApi['heads']> {
    return (await this.#log()).reader.heads(streams)
  }
  async getSnapshot(key: string): Promise<Snapshot | undefined> {
    return getSnapshot((await this.#log()).engine.store, key)
  }
  async putSnapshot(key: string, snapshot: Snapshot): Promise<void> {
    return putSnapshot((await this.#log()).engine, key, snapshot)
  }
  async listDeadLetters(): ReturnType<WorkerApi['listDeadLetters']> {
    return listDeadLetters((await this.#log()).engine)
  }
  async discardDeadLetter(id: string): Promise<boolean> {
    return discardDeadLetter((await this.#log()).engine, id)
  }
  async retryDeadLetter(id: string): ReturnType<WorkerApi['retryDeadLetter']> {
    return (await this.#log()).appender.retry(id)
  }
  async withdraw(id: string): Promise<Withdrawal> {
    const { engine } = await this.#log()
    await engine.catchUp()
    const item = await withdraw(engine, id)
    if (item !== undefined)
      // A commit that was decided anew may have been sent as it was before.
      return { ok: true, sent: item.commit.attempt !== undefined || (await mayBeSent(engine, item.revision)) }
    const position = await engine.steadily(() => engine.view.positionOf(id))
    if (position !== undefined) return { ok: false, reason: { type: 'Confirmed', position } }
    return { ok: false, reason: { type: 'NotPending' } }
  }
  async listKept(chain: string): ReturnType<WorkerApi['listKept']> {
    return listKept((await this.#log()).engine.store, chain)
  }
  async lookUp(asks: Parameters<WorkerApi['lookUp']>[0]): ReturnType<WorkerApi['lookUp']> {
    return lookUp((await this.#log()).engine.store, asks)
  }
  async keep(changes: Parameters<WorkerApi['keep']>[0]): Promise<boolean> {
    const { engine } = await this.#log()
    const isKept = await keep(engine.store, changes)
    if (changes.isAnnounced) {
      engine.announce()
      ;(await this.#log()).automated?.kick()
    }
    return isKept
  }
  async exportSegment(after: number): ReturnType<WorkerApi['exportSegment']> {
    return exportSegment((await this.#log()).engine, after)
  }
  async importSegment(file: Uint8Array<ArrayBuffer>): ReturnType<WorkerApi['importSegment']> {
    return importSegment((await this.#log()).appender, file)
  }
  async askSync(wish: SyncWish): Promise<void> {
    ;(await this.#log()).sync?.ask(wish)
  }
  async setPageLife(life: PageLife): Promise<void> {
    ;(await this.#log()).page.set(life)
  }
  async setCredentials(headers: Readonly<Record<string, string>>): Promise<void> {
    ;(await this.#log()).sync?.setCredentials(headers)
  }

  async adopt(bring: Bring): Promise<void> {
    return (await this.#log()).replicas.adopt(bring)
  }
  async attach(): Promise<AttachAnswer> {
    return (await this.#log()).replicas.attach()
  }
  async importFrom(database: string, after: number): Promise<BroughtAnswer> {
    return (await this.#log()).replicas.importFrom(database, after)
  }
  async listArchives(): Promise<readonly ArchiveData[]> {
    return (await this.#log()).replicas.listArchives()
  }
  async dropArchive(database: string): Promise<boolean> {
    return (await this.#log()).replicas.dropArchive(database)
  }
  async unsent(): Promise<Unsent> {
    return (await this.#log()).replicas.unsent()
  }
  async leave(wipe: Wipe): Promise<LeaveAnswer> {
    return (await this.#log()).replicas.leave(wipe)
  }

  async commitState(id: string): Promise<CommitState> {
    const { engine } = await this.#log()
    await engine.catchUp()
    // First, since it may be confirmed while it is looked for among what is sealed.
    if (engine.view.pending.get(id) !== undefined) return { status: 'pending' }
    const position = await engine.steadily(() => engine.view.positionOf(id))
    if (position !== undefined) return { status: 'confirmed', position }
    const [letter] = await listDeadLetters(engine, id)
    const reason = letter?.reason
    switch (reason?.type) {
      case 'Rejected':
        return { status: 'rejected', problem: reason.problem }
      case 'Refused':
        return { status: 'refused', reason: reason.refusal }
      case 'Conflict':
        return { status: 'conflict', events: reason.events }
      default:
        return { status: (await settledAs(engine, id)) ?? 'unknown' }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopTrying()
    const opened = await this.#opened?.catch(() => undefined)
    await opened?.close()
  }

  async #open(request: OpenRequest): Promise<Opened> {
    const opened = await openLog(this.#ports, this.#options, request, this)
    // What was acknowledged from memory would be gone.
    if (opened.isStandIn && request.requireDurable) this.#tryAgain(request, opened, retryMs)
    return opened
  }

  /** Puts the log in the place of its stand-in as soon as the browser gives storage. */
  #tryAgain(request: OpenRequest, standIn: Opened, afterMs: number): void {
    this.#stopTrying = this.#ports.clock.after(afterMs, async () => {
      const opened = await openLog(this.#ports, this.#options, request, this, true).catch(() => undefined)
      if (this.#isClosed) return opened?.close()
      if (opened === undefined) return this.#tryAgain(request, standIn, Math.min(2 * afterMs, retryMsMax))
      this.#opened = Promise.resolve(opened)
      const answer = await this.open(request)
      if (answer.ok) this.#ports.tell?.({ opened: answer })
      opened.storage.speak()
      await standIn.close()
    })
  }

  async #log(): Promise<Opened> {
    const opened = await this.#opened
    if (opened === undefined) throw new Error('the log is not open')
    if (opened.hasLeft()) throw new TidelogError('tidelog/log-closed', 'the user has signed out')
    const { movedTo } = opened.engine.view
    if (movedTo !== undefined && !opened.isArchive) throw new TidelogError('tidelog/log-moved', 'open the log anew')
    return opened
  }
}
