import type { FanOut } from './fan-out.ts'
import type { Fleet } from './fleet.ts'
import type { Follow } from './follow.ts'
import type { Idle } from './idle.ts'
import type { Outage } from './outage.ts'
import type { Recovery } from './recovery.ts'
import type { Throughput } from './throughput.ts'

type InStore<T> = T & { readonly store: string }

/** What a run has measured; a part that was not asked for is missing. */
export interface Result {
  readonly machine: string
  readonly commits?: {
    readonly store: string
    readonly single: Throughput
    readonly shared: Throughput
    readonly batches: Throughput
  }[]
  readonly live?: FanOut[]
  readonly idle?: Idle
  readonly recovery?: InStore<Recovery>[]
  readonly outage?: InStore<Outage>[]
  readonly fleet?: InStore<Fleet>[]
  readonly follow?: Follow
}

const n = (value: number): string => value.toLocaleString('en')
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [head, head.map((_, at) => (at === 0 ? '---' : '--:')), ...rows]
    .map((cells) => `| ${cells.map((cell) => (typeof cell === 'number' ? n(cell) : cell)).join(' | ')} |`)
    .join('\n')

/** The document that shows a result. */
export function toDocument(result: Result): string {
  const sections = [
    commits(result),
    live(result),
    idle(result),
    recovery(result),
    outage(result),
    fleet(result),
    follow(result),
  ]
  return `# Load

Made by \`npm run load -- --write\`; what limits each figure and how it grows is told in [Scale](../explanation/scale.md).
Server, store and all clients share one machine: ${result.machine}. SQLite and PostgreSQL sync their disk before a commit is acknowledged, NATS has it on two of three servers, and memory keeps nothing.

${sections.filter((text) => text !== undefined).join('\n\n')}
`
}

const section = (title: string, words: string, rows: string): string => `## ${title}\n${words}\n\n${rows}`

const commits = ({ commits }: Result): string | undefined =>
  commits &&
  section(
    'Commits',
    'Over HTTP, clients push as soon as they are answered. Singly: 50 clients, one commit of one event at a time, first each to a log of its own and then all to one log, where each answer brings what the others have pushed. In batches: 8 clients, 100 commits of 10 events at a time. Times are from request to answer, in ms.',
    table(
      ['store', 'commits/s, 50 logs', 'p50', 'p99', 'commits/s, one log', 'p50', 'p99', 'events/s in batches'],
      commits.map(({ store, single, shared, batches }) => [
        store,
        single.commitsPerSecond,
        single.p50,
        single.p99,
        shared.commitsPerSecond,
        shared.p50,
        shared.p99,
        batches.eventsPerSecond,
      ]),
    ),
  )
const live = ({ live }: Result): string | undefined =>
  live &&
  section(
    'Live',
    'One endpoint over SQLite. From the beginning of a push to its receipt at a live client, in ms.',
    table(
      ['live clients', 'logs', 'commits/s', 'receipts/s', 'p50', 'p99', 'longest', 'missing'],
      live.map(({ clients, logs, commitsPerSecond, p50, p99, max, missing }) => [
        n(clients),
        logs,
        commitsPerSecond,
        (commitsPerSecond * clients) / logs,
        p50,
        p99,
        max,
        missing,
      ]),
    ),
  )
const idle = ({ idle }: Result): string | undefined =>
  idle &&
  section(
    'Idle clients',
    `Kilobytes for each of ${n(idle.clients)} clients with an open live stream, ten to a log; beside it a bare server that holds nothing but such streams. Medians of three rounds, in turns.`,
    table(
      ['server', 'resident', 'heap'],
      [
        ['sync endpoint', idle.endpoint.rss, idle.endpoint.heap],
        ['bare server-sent events', idle.bare.rss, idle.bare.heap],
        ['ratio', idle.rssRatio, idle.heapRatio],
      ],
    ),
  )
const recovery = ({ recovery }: Result): string | undefined =>
  recovery &&
  section(
    'An endpoint is killed',
    'Two endpoints over one store, a writer at one, clients at the other, which is killed; they come back to the first within half a second of noticing. From the kill to a commit that was pushed after it, in ms.',
    table(
      ['store', 'clients', 'p50', 'p99', 'longest'],
      recovery.map(({ store, clients, p50, p99, max }) => [store, clients, p50, p99, max]),
    ),
  )
const outage = ({ outage }: Result): string | undefined =>
  outage &&
  section(
    'A server of the store is killed',
    'A client pushes one commit after the other. PostgreSQL is started again at once; of the three NATS servers each is killed once, also the one that leads the stream, and is back after ten seconds. The longest time in which no push was accepted, in ms.',
    table(
      ['store', 'killed', 'longest', 'lost'],
      outage.flatMap(({ store, killed, longest, lost }) =>
        killed.map((name, nth) => [store, name, n(longest[nth] ?? 0), lost]),
      ),
    ),
  )
const fleet = ({ fleet }: Result): string | undefined =>
  fleet &&
  section(
    'A fleet',
    'Devices that come and go: they write while they are away, push and pull when they are back, and stay live for a while. In the end all hold the same, and all that was acknowledged. Times in ms.',
    table(
      [
        'store',
        'devices',
        'logs',
        'times away',
        'commits',
        'push p50',
        'push p99',
        'back p50',
        'back p99',
        'lost',
        'astray',
      ],
      fleet.map(({ store, devices, logs, offlinePeriods, commits, lost, astray, ...took }) => [
        store,
        devices,
        logs,
        offlinePeriods,
        commits,
        took.pushP50,
        took.pushP99,
        took.resumeP50,
        took.resumeP99,
        lost,
        astray,
      ]),
    ),
  )
const follow = ({ follow }: Result): string | undefined =>
  follow &&
  section(
    'A follower catches up',
    'A process that fetches a whole log from its segments, reads every event, and pulls what is behind them.',
    table(
      ['events', 'in segments', 'seconds', 'events/s'],
      [[n(follow.events), follow.sealed, follow.seconds, follow.eventsPerSecond]],
    ),
  )
