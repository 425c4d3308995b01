import { runCommitsMax } from '../core/limits.ts'
import { takePage } from '../log/confirm.ts'
import type { Engine } from '../log/engine.ts'
import { needsRebase, nextRun, rebase, takeRejected } from '../log/rebase.ts'
import { type PullAnswer, type PullPage, type PushVerdicts, syncProtocol, type Verdict } from '../protocol/sync.ts'
import type { Downloads } from './download.ts'
import { SyncFailure } from './failure.ts'
import { noteSending } from './retry-store.ts'
import type { Transport } from './transport.ts'

/** Hears what an exchange learned of the server: its head, and the last position that it took from here. */
type Learn = (serverHead: number, sent?: number) => void

/**
 * Brings device and server together: pull to the head, rebase there, push the queue in runs. Rejects with a
 * `SyncFailure`; whatever was reached stays.
 */
export class Exchange {
  readonly #engine: Engine
  readonly #transport: Transport
  readonly #learn: Learn
  readonly #downloads: Downloads
  #commitsMax = runCommitsMax
  /** It is noted that commits up to this revision may have been sent. */
  #notedThrough = 0

  constructor(engine: Engine, transport: Transport, learn: Learn, downloads: Downloads) {
    this.#downloads = downloads
    this.#engine = engine
    this.#transport = transport
    this.#learn = learn
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#engine.catchUp()
    if (this.#engine.view.local === true) throw new SyncFailure('stopped', 'needs-attach')
    if (this.#engine.stopped !== undefined) throw new SyncFailure('stopped', 'needs-newer-app')
    this.#downloads.renew()
    await this.#pullToHead(signal)
    for (;;) {
      if (needsRebase(this.#engine.view)) {
        const problem = await rebase(this.#engine)
        if (problem !== undefined) throw new SyncFailure('blocked', problem.type, problem.message)
      }
      if (!(await this.#pushOnce(signal))) return
    }
  }

  async #pullToHead(signal: AbortSignal): Promise<void> {
    let next: Promise<PullAnswer> | undefined
    for (;;) {
      const { head } = this.#engine.view.confirmed
      const answer = await (next ?? this.#transport.pull(head, signal))
      if (answer.status === 'diverged') throw diverged()
      // Before anything is taken: whoever is far behind sees how far.
      this.#learn(answer.head)
      if (await this.#downloads.run(answer.head, signal)) {
        next = undefined
        continue
      }
      const page = this.#downloads.cut(answer)
      const { through } = page
      // Asked for while this page is written: half of the time is the wire's.
      next = page.commits.length > 0 && through.position < page.head ? this.#transport.pull(through, signal) : undefined
      next?.catch(() => {})
      if (await this.#takeAll(page)) return
      const { position } = this.#engine.view.confirmed.head
      // A server that promises more and brings nothing would be asked without pause.
      if (position === head.position) throw new SyncFailure('waiting', 'no-progress')
      // Another leader was faster: what was asked for does not follow.
      if (position !== through.position) next = undefined
    }
  }

  /** Takes a page; true when the log is at the head that the page knew. */
  async #takeAll(page: PullPage): Promise<boolean> {
    const taken = await takePage(this.#engine, page)
    if (taken === 'corrupt') throw new SyncFailure('waiting', 'corrupt-page')
    this.#learn(page.head)
    return this.#engine.view.confirmed.head.position >= page.head
  }

  /** Pushes one run; false when there is nothing to push. */
  async #pushOnce(signal: AbortSignal): Promise<boolean> {
    const { view } = this.#engine
    const run = nextRun(view, this.#commitsMax)
    if (run === undefined) return needsRebase(view)
    const { seen, commits } = run
    const through = Math.max(...commits.map(({ id }) => view.pending.get(id)?.revision ?? 0))
    if (through > this.#notedThrough) {
      // What storage refuses to note is not sent: a withdrawal would be told that it never was.
      await noteSending(this.#engine, through)
      this.#notedThrough = through
      // The queue may have changed meanwhile.
      return true
    }
    const request = { protocol: syncProtocol, seen, commits } as const
    const revision = view.revision
    try {
      const answer = await this.#transport.push(request, signal)
      if (answer.status === 'diverged') throw diverged()
      if (answer.status === 'pull-first') await this.#pullToHead(signal)
      else await this.#takeVerdicts(answer, signal)
      this.#commitsMax = Math.min(runCommitsMax, this.#commitsMax * 2)
    } catch (error) {
      if (!(error instanceof SyncFailure) || error.kind !== 'too-large' || commits.length === 1) throw error
      this.#commitsMax = Math.ceil(commits.length / 2)
      return true
    }
    if (view.revision === revision) throw new SyncFailure('waiting', 'no-progress')
    return true
  }

  async #takeVerdicts({ verdicts, page }: PushVerdicts, signal: AbortSignal): Promise<void> {
    const sent = verdicts.reduce((last, verdict) => ('position' in verdict ? verdict.position : last), 0)
    this.#learn(page.head, sent)
    if (!(await this.#takeAll(page))) await this.#pullToHead(signal)
    const rejected = verdicts.filter(isRejected)
    if (rejected.length > 0) await takeRejected(this.#engine, rejected)
  }
}

type Rejected = Extract<Verdict, { readonly verdict: 'rejected' }>
const isRejected = (verdict: Verdict): verdict is Rejected => verdict.verdict === 'rejected'
const diverged = (): SyncFailure => new SyncFailure('diverged', 'diverged')
