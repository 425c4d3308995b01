import { createSyncHandler, type SyncHandler } from '../../server/handler.ts'
import type { LogStore, SequencedCommit } from '../../server/store.ts'
import type { Chaos } from './chaos.ts'
import { model } from './model.ts'
import { Realm, type Scheduler } from './scheduler.ts'
import { freshStore } from './stores.ts'
import { isForbidden } from './theatre.ts'

export interface WireRequest {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** Resolves when the device no longer listens. */
  readonly gone: AbortSignal
}
export interface WireHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}
/** What comes back on the wire. Without any of it the connection broke. */
export interface WireAnswer {
  readonly whole: (head: WireHead, body: string) => void
  readonly head: (head: WireHead) => void
  readonly chunk: (text: Uint8Array) => void
  readonly end: () => void
  readonly broke: () => void
}

interface Process {
  readonly realm: Realm
  readonly handler: SyncHandler
  readonly open: Set<WireAnswer>
}

/** Segments as small as they get, and none at all. */
const segmentLimits = [
  { segmentEvents: 3, segmentBehind: 1 },
  { segmentEvents: 8, segmentBehind: 4 },
  { segmentEvents: 1_000_000, segmentBehind: 1 },
] as const

/** The server: what it keeps outlives its processes, which may crash anywhere. */
export class SimServer {
  readonly logName: string = model.name
  readonly #scheduler: Scheduler
  readonly #chaos: Chaos
  #kept: LogStore
  #processes: (Process | undefined)[] = []
  readonly #processCount: number
  readonly #slowness: number
  /** The same for all processes: a segment of one is the same in another. */
  readonly #segmentLimits: (typeof segmentLimits)[number]

  constructor(scheduler: Scheduler, chaos: Chaos, processCount: number) {
    this.#scheduler = scheduler
    this.#chaos = chaos
    this.#processCount = processCount
    this.#kept = freshStore(scheduler)
    this.#slowness = chaos.dice.pick([0.02, 0.1, 0.3])
    this.#segmentLimits = chaos.dice.pick(segmentLimits)
    this.start()
  }

  /** Starts the processes that are down. */
  start(): void {
    for (let nth = 0; nth < this.#processCount; nth++) this.#processes[nth] ??= this.#launch(nth)
  }

  async log(): Promise<readonly SequencedCommit[]> {
    const limits = { commitsMax: 1_000_000, bytesMax: Number.MAX_SAFE_INTEGER }
    return (await this.#kept.range(this.logName, 0, limits)).commits
  }

  /** What a backup has: the first commits. Every process starts anew on it. */
  async restore(commitsMax: number): Promise<void> {
    const kept = (await this.log()).slice(0, commitsMax)
    this.#kept = freshStore(this.#scheduler)
    await this.#kept.append(this.logName, 0, kept)
    for (let nth = 0; nth < this.#processCount; nth++) this.crash(nth)
    this.start()
  }

  crash(nth: number): void {
    const process = this.#processes[nth]
    if (process === undefined) return
    this.#processes[nth] = undefined
    process.realm.kill()
    for (const answer of process.open) answer.broke()
  }

  receive(request: WireRequest, answer: WireAnswer): void {
    const process = this.#processes[this.#chaos.dice.below(this.#processCount)]
    if (process === undefined) {
      answer.broke()
      return
    }
    process.open.add(answer)
    const done = (): void => {
      process.open.delete(answer)
    }
    process.realm.post(this.#chaos.dice.skewed(0, 20), () => {
      this.#serve(process, request, answer).then(done, (error: unknown) => {
        this.#scheduler.failures.push(`the server handler rejected: ${error}`)
        done()
      })
    })
  }

  async #serve(process: Process, request: WireRequest, answer: WireAnswer): Promise<void> {
    const { url, method, headers, body, gone } = request
    const response = await process.handler(
      new Request(url, { method, headers, signal: gone, ...(body === undefined ? {} : { body }) }),
    )
    const head = { status: response.status, headers: Object.fromEntries(response.headers) }
    if (head.headers['content-type']?.startsWith('text/event-stream') !== true) {
      const text = await response.text()
      const isPush = url.endsWith('/push') && response.ok
      if (isPush && this.#crashesHere(process, 'server crashes before answer')) return
      answer.whole(head, text)
      if (isPush) this.#crashesHere(process, 'server crashes after answer')
      return
    }
    answer.head(head)
    const reader = response.body?.getReader()
    const stop = (): void => void reader?.cancel().catch(() => {})
    gone.addEventListener('abort', stop)
    for (;;) {
      const chunk = await reader?.read()
      if (chunk === undefined || chunk.done) break
      answer.chunk(chunk.value)
    }
    gone.removeEventListener('abort', stop)
    answer.end()
  }

  #crashesHere(process: Process, what: string): boolean {
    if (!this.#chaos.strikes(what, 0.02)) return false
    this.#crashAndReturn(process)
    return true
  }

  #crashAndReturn(process: Process): void {
    const nth = this.#processes.indexOf(process)
    this.crash(nth)
    new Realm(this.#scheduler, 'operator').post(this.#chaos.dice.skewed(50, 20_000), () => this.start())
  }

  #launch(nth: number): Process {
    const realm = new Realm(this.#scheduler, `server ${nth}`)
    const handler = createSyncHandler({
      model,
      store: this.#storeOf(realm, (what) => {
        const process = this.#processes[nth]
        return process !== undefined && this.#crashesHere(process, what)
      }),
      clock: realm.clock(),
      validate: (commit) => (isForbidden(commit) ? { type: 'forbidden', title: 'Not here', status: 422 } : undefined),
      limits: {
        runCommitsMax: this.#chaos.dice.pick([2, 5, 1_000]),
        pageCommitsMax: this.#chaos.dice.pick([2, 5, 1_000]),
        lagEventsMax: this.#chaos.dice.pick([20, 10_000]),
        ...this.#segmentLimits,
      },
      onError: (error) => this.#scheduler.failures.push(`the server handler failed: ${error}`),
    })
    return { realm, handler, open: new Set() }
  }

  /** The kept logs as one process sees them: every call takes time, in which it can crash. */
  #storeOf(realm: Realm, crashes: (what: string) => boolean): LogStore {
    const { dice } = this.#chaos
    const kept = (): LogStore => this.#kept
    const pass = (): Promise<void> => {
      const ms = this.#chaos.strikes('server storage slow', this.#slowness)
        ? dice.between(20, 1_000)
        : dice.skewed(0, 30)
      return new Promise((resolve) => realm.post(ms, resolve))
    }
    const slow = async <T>(act: () => Promise<T>): Promise<T> => {
      await pass()
      return act()
    }
    const never = (): Promise<never> => new Promise(() => {})
    return {
      append: async (log, expectedHead, commits) => {
        await pass()
        if (crashes('server crashes before commit')) return never()
        const isPart = commits.length > 1 && this.#chaos.strikes('server took a part of a run', 0.05)
        const some = isPart ? commits.slice(0, dice.between(1, commits.length - 1)) : commits
        const result = await kept().append(log, expectedHead, some)
        if (result.taken < some.length) this.#chaos.tally.count('server races lost')
        if (crashes('server crashes after commit')) return never()
        await pass()
        return result
      },
      range: (log, after, limits) => slow(() => kept().range(log, after, limits)),
      head: (log) => slow(() => kept().head(log)),
      digestAt: (log, position) => slow(() => kept().digestAt(log, position)),
      segments: {
        list: (log) => slow(async () => (await kept().segments?.list(log)) ?? []),
        get: (log, hash) => slow(async () => kept().segments?.get(log, hash)),
        add: async (log, listed, bytes) => {
          await pass()
          if (crashes('server crashes before a segment')) return never()
          await kept().segments?.add(log, listed, bytes)
          this.#chaos.tally.count('server segments')
        },
      },
      watch: (log, listener) =>
        kept().watch(log, (head) => {
          realm.post(dice.skewed(0, 50), () => listener(head))
        }),
      close: async () => {},
    }
  }
}
