import type { Deciders } from '../core/command.ts'
import { type Commit, type CommitCondition, eventId, type StoredEvent, toTag } from '../core/commit.ts'
import { digestOfNothing, nextDigest } from '../core/digest.ts'
import type { Clock, Locks, Random } from '../core/ports.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import { channelName, isNotice } from '../protocol/notice.ts'
import type { WriteRow } from '../protocol/rows.ts'
import type { PullPage, Seen } from '../protocol/sync.ts'
import type { AppendAnswer, AppendCall, AppendText, ReadAnswer, ReadRequest } from '../protocol/worker.ts'
import { createMemoryDatabase, type MemoryDatabase, openMemoryStore } from '../store/memory-store.ts'
import type { Store } from '../store/store.ts'
import { MemoryChannels } from '../testing/memory-channels.ts'
import { MemoryLocks } from '../testing/memory-locks.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { Appender, type AppenderOptions } from './appender.ts'
import { createDeciding } from './deciding.ts'
import { Engine } from './engine.ts'
import { Reader } from './reader.ts'
import { SealedLog } from './sealed-log.ts'
import { View } from './view.ts'

/** `s1` is an event of stream s and type T1 with the tags `on:s` and `type:1`. */
export const eventOf = (short: string): StoredEvent => {
  const stream = short.slice(0, 1)
  const kind = short.slice(1) || '0'
  return { type: `T${kind}`, stream, data: short, tags: [toTag('on', stream), toTag('kind', kind)] }
}
export const commitOf = (id: string, events: readonly string[], condition?: CommitCondition): Commit => ({
  id,
  contentId: `${id}/1`,
  time: '2026-01-01T00:00:00.000Z',
  events: events.map(eventOf),
  ...(condition === undefined ? {} : { condition }),
})
/** Appends events as the page asks for it, each to its own stream. */
export const callOf = (id: string, events: readonly string[], options: AppendCall['options'] = {}): AppendText => [
  JSON.stringify(commitOf(id, events)),
  JSON.stringify({ options } satisfies AppendCall),
]
/** The same call with other parts of the commit, such as another content id, or other writes. */
export const changed = (
  [commit, call]: AppendText,
  { writes, ...over }: Partial<Commit> & Pick<AppendCall, 'writes'>,
): AppendText => [
  JSON.stringify({ ...JSON.parse(commit), ...over }),
  JSON.stringify({ ...JSON.parse(call), ...(writes && { writes }) }),
]
/** An append of one event that is as large as wanted. */
export const largeCall = (id: string, length: number, unit = 'x'): AppendText =>
  changed(callOf(id, ['s1']), { events: [{ ...eventOf('s1'), data: id + unit.repeat(length) }] })
export const versioned = (id: string, event: string, expectedVersion: number | 'exists'): AppendText =>
  callOf(id, [event], { expectedVersion })

/** A browser: what its tabs share. */
export interface Browser {
  readonly clock: VirtualClock
  readonly database: MemoryDatabase
  readonly channels: MemoryChannels
  readonly locks: Locks
  readonly random: Random
}
export const createBrowser = (): Browser => {
  const clock = new VirtualClock()
  return {
    clock,
    database: createMemoryDatabase('db'),
    channels: new MemoryChannels(),
    locks: new MemoryLocks(clock),
    random: seededRandom(1),
  }
}

export interface Tab {
  readonly engine: Engine
  readonly appender: Appender
  readonly reader: Reader
  append(...calls: readonly AppendText[]): Promise<readonly AppendAnswer[]>
}
export interface TabOptions extends Partial<AppenderOptions> {
  readonly wrap?: (store: Store) => Store
  readonly clock?: Clock
  readonly deciders?: Deciders
}

/** A tab of a browser, as its worker wires it, without sync. */
export async function openTab(browser: Browser, options: TabOptions = {}): Promise<Tab> {
  const { wrap = (store) => store, clock = browser.clock, deciders, ...more } = options
  const store = wrap(openMemoryStore(browser.database, { durable: true }))
  let hear = (_message: unknown): void => {}
  const channel = browser.channels.open(channelName('db'), (message) => hear(message))
  const { locks, random } = browser
  const engine = await Engine.open(store, 'db', {
    clock,
    random,
    locks,
    channel,
    deciding: deciders && createDeciding(deciders),
  })
  hear = (message) => {
    if (!isNotice(message)) return
    if (message.kind === 'moved') engine.hear(message)
    else if (message.kind === 'contended') engine.hearContention()
  }
  const appender = new Appender(engine, { durability: 'relaxed', synced: true, requireDurable: true, ...more })
  return {
    engine,
    appender,
    reader: new Reader(engine),
    append: (...calls) => appender.append(calls),
  }
}

/** The log at a server, as far as a device sees it. */
export class Sequence {
  readonly commits: Commit[] = []
  #heads: Seen[] = [{ position: 0, digest: digestOfNothing }]

  get head(): Seen {
    return this.#heads.at(-1) ?? { position: 0, digest: digestOfNothing }
  }

  /** Puts commits at the end; answers the page that brings them to who stood at the head before. */
  add(...commits: readonly Commit[]): PullPage {
    const after = this.head
    for (const { condition: _condition, ...commit } of commits) {
      const { position, digest } = this.head
      this.commits.push(commit)
      this.#heads.push({
        position: position + commit.events.length,
        digest: nextDigest(digest, commit.id, commit.contentId),
      })
    }
    const { position } = this.head
    const page = this.commits.slice(this.commits.length - commits.length)
    return { protocol: 1, status: 'page', after, commits: page, through: this.head, head: position }
  }
}

/** Every row of `writes` as it is on disk. */
export async function rowsOf({ engine }: Tab): Promise<readonly WriteRow[]> {
  const [rows] = await engine.store.run([{ op: 'range', store: 'writes' }])
  return rows
}

/** Lets everything that is under way in this turn end. */
export const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

export const idsOf = (commits: readonly { readonly id: string }[]): readonly string[] => commits.map(({ id }) => id)
export const pendingIds = ({ engine }: Tab): readonly string[] =>
  [...engine.view.pending.list()].map(({ commit }) => commit.id)

/** A view of an empty database. */
export const newView = (): View => new View('db', SealedLog.of(openMemoryStore(createMemoryDatabase('db'))))

/** The confirmed events of an answer. */
export function placedIn(text: string): readonly PlacedEvent[] {
  const [commits, events]: readonly [
    readonly (readonly [Commit, number])[],
    readonly (readonly [number, number, number, StoredEvent])[],
  ] = JSON.parse(text)
  return events.map(([position, version, at, stored]) => {
    const [commit, first] = commits[at] as readonly [Commit, number]
    const { id: commitId, time, metadata } = commit
    return { ...stored, id: eventId(commit, position - first), commitId, time, metadata, version, position }
  })
}

/** A whole read, page by page, as the page does it: the confirmed events and the pending ones of the first page. */
export async function readWhole(reader: Reader, options: ReadRequest['options']): Promise<readonly PlacedEvent[]> {
  const confirmed: PlacedEvent[] = []
  let pending = '[]'
  for (let more: Pick<ReadRequest, 'cursor' | 'through'> | undefined = {}; more !== undefined; ) {
    const answer: ReadAnswer = await reader.read({ options, ...more })
    if (more.through === undefined) pending = answer.pending
    const { events, cursor, through } = answer
    confirmed.push(...placedIn(events))
    more = cursor === undefined ? undefined : { cursor, through }
  }
  return options.direction === 'backwards'
    ? [...JSON.parse(pending), ...confirmed]
    : [...confirmed, ...JSON.parse(pending)]
}
