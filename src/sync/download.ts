import { takeSegment } from '../log/download.ts'
import type { Engine } from '../log/engine.ts'
import { seal, sealOptions } from '../log/seal.ts'
import type { ListedSegment, PullPage, Seen } from '../protocol/sync.ts'
import type { SegmentFile } from '../segments/file.ts'
import { SyncFailure, toFailure } from './failure.ts'
import type { Transport } from './transport.ts'

/** After so many downloads in a row that broke off the rest is pulled. */
const failuresMax = 3
/** Who is behind by fewer events than this pulls them. */
const behindMin = 10_000

/** The segments of the server, for a device that is far behind: a first sync is a download and a short pull. */
export class Downloads {
  readonly #engine: Engine
  readonly #transport: Transport
  readonly #behindMin: number
  #segments: readonly ListedSegment[] | undefined
  /** What has to be compared with a segment, or is wrong with it, makes pulling the shorter way. */
  #isOff = false
  /** Downloads in a row that broke off. */
  #failures = 0

  constructor(engine: Engine, transport: Transport, behind: number = behindMin) {
    this.#engine = engine
    this.#transport = transport
    this.#behindMin = behind
  }

  /** Looks again at the server's list, and tries again what did not work. */
  renew(): void {
    this.#segments = undefined
    this.#isOff = false
  }

  /** Brings the log forward by whole segments, as far as they follow it. True when it moved. */
  async run(serverHead: number, signal: AbortSignal): Promise<boolean> {
    const { view } = this.#engine
    const start = view.confirmed.head.position
    if (this.#isOff || serverHead - start < this.#behindMin) return false
    try {
      await this.#download(signal)
      this.#failures = 0
    } catch (error) {
      const { kind } = toFailure(error)
      if (signal.aborted || kind !== 'waiting' || ++this.#failures < failuresMax) throw error
      // Whatever keeps files away, a page may get through.
      this.#isOff = true
    }
    return view.confirmed.head.position > start
  }

  async #download(signal: AbortSignal): Promise<void> {
    const { view } = this.#engine
    this.#segments ??= await this.#transport.segments(signal)
    const asked = new Map<ListedSegment, Promise<SegmentFile | undefined>>()
    const ask = (listed: ListedSegment): Promise<SegmentFile | undefined> => {
      const file = asked.get(listed) ?? this.#transport.segment(listed, signal)
      asked.set(listed, file)
      return file
    }
    for (const [at, listed] of this.#segments.entries()) {
      const { head } = view.confirmed
      if (listed.last <= head.position) continue
      if (listed.first !== head.position + 1) break
      const before = this.#segments[at - 1]
      if (before !== undefined && before.digest !== head.digest) throw new SyncFailure('diverged', 'diverged')
      const file = await ask(listed)
      asked.delete(listed)
      const following = this.#segments[at + 1]
      // Half of the time is the wire's.
      if (following !== undefined) ask(following).catch(() => {})
      if (file !== undefined && (await this.#take(file, head.digest))) continue
      this.#isOff = true
      break
    }
  }

  /** A page that ends with the segment in which it begins, so that the one behind it can follow. */
  cut(page: PullPage): PullPage {
    const { after, commits, through } = page
    if (this.#isOff || page.head - after.position < this.#behindMin) return page
    const within = this.#segments?.find(({ first, last }) => first <= after.position + 1 && last < through.position)
    if (within === undefined || within.last <= after.position) return page
    const end: Seen = { position: within.last, digest: within.digest }
    let position = after.position
    const kept = commits.filter(({ events }) => {
      position += events.length
      return position <= end.position
    })
    return { ...page, commits: kept, through: end }
  }

  async #take(file: SegmentFile, digestBefore: string): Promise<boolean> {
    const { view } = this.#engine
    // What was pulled before comes first; it may be little. Another may seal beside: only when nothing moves there is nothing left.
    for (let before: unknown; before !== view.sealed; ) {
      before = view.sealed
      await seal(this.#engine, { ...sealOptions, from: 1 })
    }
    return takeSegment(this.#engine, { file, digestBefore })
  }
}
