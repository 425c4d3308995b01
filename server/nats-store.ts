import { mustBe, mustKnow } from '../src/core/errors.ts'
import { isCount } from '../src/core/guard.ts'
import type { Clock } from '../src/core/ports.ts'
import { append, createEnds } from './nats-append.ts'
import type { NatsClient } from './nats-client.ts'
import { openConnection } from './nats-connection.ts'
import { createCourtesy } from './nats-courtesy.ts'
import { natsErasures } from './nats-erasures.ts'
import { createLanes } from './nats-lane.ts'
import { createMarks } from './nats-marks.ts'
import { type Messages, readEnd } from './nats-messages.ts'
import { createProbe } from './nats-probe.ts'
import { runsAfter } from './nats-reader.ts'
import { natsSegments } from './nats-segments.ts'
import { openStreams } from './nats-streams.ts'
import { createNatsWatch } from './nats-watch.ts'
import { systemClock } from './options.ts'
import { mustFollow, nothing } from './sequence.ts'
import type { LogStore, RangeLimits, SequencedCommit } from './store.ts'

/** Options of {@link natsStore}: where the servers are, or a connection of the package `@nats-io/transport-node`. */
export type NatsStoreOptions = (
  | { readonly servers: string | readonly string[]; readonly connection?: undefined }
  /** Its owner ends it. */
  | { readonly connection: NatsClient; readonly servers?: undefined }
) & {
  /** How the names of streams and subjects begin; `tidelog` by default. */
  readonly prefix?: string
  /** Over how many streams logs are spread, when the streams are made; 16 by default. Later stores find as many as there are. */
  readonly streams?: number
  /** On how many servers each stream is kept, when it is made; 3 by default. */
  readonly replicas?: number
  /** How often to look, while somebody watches, for what no notice told of; 5,000 ms by default. */
  readonly pollMs?: number
  /** Hears of connections that broke beside the calls. They are made again without anybody's help. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
}

/**
 * A store in a NATS JetStream cluster, which any number of endpoints may share. Streams are made at first use. A call rejects with
 * a {@link NatsStoreError} while they can't be used, and works again when they can.
 */
export function natsStore(options: NatsStoreOptions): LogStore {
  const { source, prefix, streams: count, replicas, pollMs, onError, clock } = check(options)
  const connection = openConnection({ source, clock, onError, onReconnect: () => void watch.look() })
  const streams = openStreams({ connection, prefix, streams: count, replicas })
  const courtesy = createCourtesy(connection, clock, onError)
  const lanes = createLanes(streams, courtesy, clock.now)
  const marks = createMarks()
  const ends = createEnds()
  const probe = createProbe(streams)
  const messagesOf = async (log: string): Promise<Messages> => ({ streams, marks, place: await streams.placeOf(log) })
  const headOf = async (log: string): Promise<number> => (await readEnd(await messagesOf(log)))?.run.last ?? 0
  const watch = createNatsWatch({ streams, headOf, pollMs, clock, onError })
  let closing: Promise<void> | undefined

  return {
    async append(log, expectedHead, commits) {
      mustFollow(commits, expectedHead)
      const messages = await messagesOf(log)
      const appended = await append({ messages, lanes, ends }, expectedHead, commits, onError)
      if (appended.taken > 0) watch.tell(log, messages.place, appended.head)
      return appended
    },
    async range(log, after, limits) {
      const messages = await messagesOf(log)
      const end = await readEnd(messages)
      if (end === undefined || after >= end.run.last) return { commits: [], head: end?.run.last ?? 0 }
      const page = createPage(after, limits)
      if (end.run.first <= after + 1) page.take(end.run.commits)
      else for await (const { run } of runsAfter(messages, after, end)) if (!page.take(run.commits)) break
      return { commits: page.commits, head: end.run.last }
    },
    async head(log) {
      const end = await readEnd(await messagesOf(log))
      return end === undefined ? nothing : { position: end.run.last, digest: end.run.digest }
    },
    async digestAt(log, position) {
      if (position === 0) return nothing.digest
      const messages = await messagesOf(log)
      let end = await readEnd(messages)
      if (position > (end?.run.last ?? 0)) {
        // To be told that its log is another one stops a device for good.
        await probe(messages.place)
        end = await readEnd(messages)
      }
      if (end === undefined || position > end.run.last) return undefined
      if (position === end.run.last) return end.run.digest
      for await (const { run } of runsAfter(messages, position - 1, end))
        return run.commits.find(({ last }) => last === position)?.digest
    },
    watch: watch.watch,
    segments: natsSegments({ streams, lanes }),
    erasures: natsErasures({ streams, lanes, messagesOf, ends }),
    close() {
      watch.close()
      courtesy.close()
      closing ??= connection.close()
      return closing
    },
  }
}

/** Fills a page of a range. */
function createPage(
  after: number,
  { commitsMax, bytesMax }: RangeLimits,
): { readonly commits: readonly SequencedCommit[]; readonly take: (commits: readonly SequencedCommit[]) => boolean } {
  const page: SequencedCommit[] = []
  let bytes = 0
  return {
    commits: page,
    /** False when it is full. */
    take(commits) {
      for (const commit of commits) {
        if (commit.last <= after) continue
        bytes += Buffer.byteLength(commit.text)
        if (page.length >= commitsMax || (page.length > 0 && bytes > bytesMax)) return false
        page.push(commit)
      }
      return page.length < commitsMax
    },
  }
}

interface Checked {
  readonly source: Parameters<typeof openConnection>[0]['source']
  readonly prefix: string
  readonly streams: number
  readonly replicas: number
  readonly pollMs: number
  readonly onError: (error: unknown) => void
  readonly clock: Clock
}

function check(options: NatsStoreOptions): Checked {
  mustKnow(options, 'servers connection prefix streams replicas pollMs onError clock')
  const {
    servers,
    connection,
    prefix = 'tidelog',
    streams = 16,
    replicas = 3,
    pollMs = 5_000,
    onError = () => {},
    clock = systemClock,
  } = options
  mustBe((servers === undefined) !== (connection === undefined), 'servers and connection', 'both, or neither')
  // Part of the names of streams and subjects, in which dots and others have a meaning.
  mustBe(/^[\w-]{1,100}$/.test(prefix), 'prefix', prefix)
  mustBe(isCount(streams, 1) && streams <= 1_000, 'streams', streams)
  mustBe(isCount(replicas, 1) && replicas <= 5, 'replicas', replicas)
  const list = typeof servers === 'string' ? servers.split(',') : servers
  mustBe(list === undefined || list.length > 0, 'servers', servers)
  const source = connection === undefined ? { servers: list ?? [] } : { connection }
  return { source, prefix, streams, replicas, pollMs, onError, clock }
}
