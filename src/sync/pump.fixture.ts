import type { Commit } from '../core/commit.ts'
import { digestOfNothing, nextDigest } from '../core/digest.ts'
import { type Browser, createBrowser, openTab, quiet, Sequence, type Tab } from '../log/log.fixture.ts'
import type { SyncLink } from '../protocol/notice.ts'
import type { ListedSegment, PullAnswer, PullPage, PushAnswer, PushRequest, Seen, Verdict } from '../protocol/sync.ts'
import type { SegmentFile } from '../segments/file.ts'
import { zipAtOnce } from '../segments/segments.fixture.ts'
import type { Store } from '../store/store.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import type { VirtualClock } from '../testing/virtual-clock.ts'
import { SyncFailure } from './failure.ts'
import { Pump } from './pump.ts'
import type { LiveMessage, Transport } from './transport.ts'

/** A server that takes everything, where each answer can be replaced once by a script. */
export class ScriptedServer implements Transport {
  readonly log = new Sequence()
  readonly asked: string[] = []
  readonly pulls: (() => PullAnswer | Promise<PullAnswer>)[] = []
  readonly pushes: ((request: PushRequest) => PushAnswer)[] = []
  /** Looks at what is so when a push arrives. */
  onPush: () => unknown = () => {}
  stream:
    | { readonly say: (message: LiveMessage) => void; readonly end: () => void; readonly fail: (error: Error) => void }
    | undefined
  poll: { readonly answer: () => void; readonly fail: (error: Error) => void } | undefined
  /** A device that is behind by so many events looks for segments. */
  downloadFrom: number | undefined
  readonly downloads: (() => SegmentFile | undefined)[] = []
  readonly #pages: PullPage[] = []
  readonly #files: SegmentFile[] = []

  put(...commits: readonly Commit[]): PullPage {
    const page = this.log.add(...commits)
    this.#pages.push(page)
    return page
  }
  #after(seen: Seen): PullPage {
    const found = this.#pages.find(({ after }) => after.position === seen.position)
    const { head, commits } = this.log
    if (found !== undefined) return { ...found, head: head.position }
    if (seen.position >= head.position)
      return { protocol: 1, status: 'page', after: head, commits: [], through: head, head: head.position }
    let position = 0
    const rest = commits.filter(({ events }) => {
      position += events.length
      return position > seen.position
    })
    return { protocol: 1, status: 'page', after: seen, commits: rest, through: head, head: head.position }
  }
  async pull(seen: Seen, signal: AbortSignal, waitMs?: number): Promise<PullAnswer> {
    if (waitMs !== undefined) return this.#hold(seen, signal, waitMs)
    this.asked.push(`pull ${seen.position}`)
    return (await this.pulls.shift()?.()) ?? this.#after(seen)
  }
  /** A long poll: held until the test answers it. */
  #hold(seen: Seen, signal: AbortSignal, waitMs: number): Promise<PullAnswer> {
    this.asked.push(`pull ${seen.position} for ${waitMs / 1000} s`)
    return new Promise((resolve, reject) => {
      this.poll = { answer: () => resolve(this.#after(seen)), fail: reject }
      signal.addEventListener('abort', () => reject(new Error('aborted')))
    })
  }
  /** Seals all that is in the log now and in no segment yet. */
  seal(): void {
    const digestBefore = this.#files.at(-1)?.digest ?? digestOfNothing
    const first = (this.#files.at(-1)?.last ?? 0) + 1
    let position = 0
    const counts = new Map<string, number>()
    const commits = this.log.commits.flatMap((commit) => {
      const placed = { commit, first: position + 1, revision: 0 }
      position += commit.events.length
      if (placed.first >= first) return [placed]
      for (const { stream } of commit.events) counts.set(stream, (counts.get(stream) ?? 0) + 1)
      return []
    })
    const digest = commits.reduce((before, { commit }) => nextDigest(before, commit.id, commit.contentId), digestBefore)
    const { last, parts, directory } = zipAtOnce(commits, (stream) => counts.get(stream) ?? 0)
    this.#files.push({ first, last, digest, directory: directory.buckets(), parts })
  }
  file(first: number): SegmentFile | undefined {
    return this.#files.find((file) => file.first === first)
  }
  async segments(): Promise<readonly ListedSegment[]> {
    this.asked.push('segments')
    return this.#files.map(({ first, last, digest }) => ({ first, last, digest, hash: `${first}`, bytes: 1 }))
  }
  async segment({ first }: ListedSegment): Promise<SegmentFile | undefined> {
    this.asked.push(`segment ${first}`)
    const scripted = this.downloads.shift()
    return scripted === undefined ? this.file(first) : scripted()
  }
  async push(request: PushRequest): Promise<PushAnswer> {
    this.asked.push(`push ${request.commits.map(({ id }) => id).join()}`)
    const scripted = this.pushes.shift()
    await this.onPush()
    if (scripted !== undefined) return scripted(request)
    const isKnown = ({ id }: { readonly id: string }) => this.log.commits.some((one) => one.id === id)
    const verdicts = request.commits.map(
      (one): Verdict => ({ id: one.id, verdict: isKnown(one) ? 'duplicate' : 'accepted', position: 1 }),
    )
    const fresh = request.commits.filter((one) => !isKnown(one))
    if (fresh.length > 0) this.put(...fresh)
    return { protocol: 1, status: 'verdicts', verdicts, page: this.#after(request.seen) }
  }
  live(_seen: Seen, say: (message: LiveMessage) => void, signal: AbortSignal): Promise<void> {
    this.asked.push('live')
    return new Promise((resolve, reject) => {
      this.stream = { say, end: resolve, fail: reject }
      signal.addEventListener('abort', () => reject(new Error('aborted')))
    })
  }
}

export interface Running {
  readonly tab: Tab
  readonly server: ScriptedServer
  readonly pump: Pump
  readonly clock: VirtualClock
  readonly states: () => readonly string[]
  readonly heads: () => readonly (readonly [state: string, serverHead: number])[]
  readonly link: () => SyncLink
  readonly ended: Promise<void>
  readonly settled: () => Promise<void>
  readonly pass: (ms: number) => Promise<void>
  readonly browser: Browser
}
export async function run(
  prepare: (server: ScriptedServer, tab: Tab) => unknown = () => {},
  isPaused = false,
  browser = createBrowser(),
  wrap: (store: Store) => Store = (store) => store,
): Promise<Running> {
  const tab = await openTab(browser, { wrap })
  const server = new ScriptedServer()
  await prepare(server, tab)
  const links: SyncLink[] = []
  const { clock } = browser
  const options = {
    engine: tab.engine,
    transport: server,
    clock,
    random: seededRandom(1),
    downloadFrom: server.downloadFrom,
    onLink: (link: SyncLink) => links.push(link),
  }
  const pump = new Pump(options, isPaused)
  const ended = pump.run()
  const settled = async (): Promise<void> => {
    for (let turns = 0; turns < 5; turns++) await quiet()
  }
  await settled()
  /** Lets so much time pass, timer by timer. */
  const pass = async (ms: number): Promise<void> => {
    const end = clock.now() + ms
    let arrived = false
    clock.after(ms, () => {
      arrived = true
    })
    while (!arrived && clock.now() <= end && clock.step()) await settled()
    await settled()
  }
  return {
    pass,
    browser,
    tab,
    server,
    pump,
    clock,
    states: () => links.map(({ state }) => state),
    heads: () => links.map(({ state, serverHead }) => [state, serverHead]),
    link: () => links.at(-1) ?? { state: 'starting', sent: 0, serverHead: 0, failures: 0 },
    ended,
    settled,
  }
}
/** A scripted answer that is a failure. */
export const fail = (kind: ConstructorParameters<typeof SyncFailure>[0], retryAfterMs?: number) => (): never => {
  throw new SyncFailure(kind, kind, 'no', retryAfterMs)
}
