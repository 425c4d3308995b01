// IndexedDB as an app would use it by hand, one function for each layout of the log.
import { type DBSchema, type IDBPDatabase, openDB } from 'idb'
import { type BenchEvent, type Versioned, withVersions } from './corpus.ts'
import type { Job } from './job.ts'
import type { Writer } from './writer.ts'

interface CommitRecord {
  readonly revision: number
  readonly commits: string
  readonly names?: readonly string[]
}
interface RawSchema extends DBSchema {
  commits: { key: number; value: CommitRecord; indexes: { names: string } }
  events: { key: number; value: Versioned }
  heads: { key: string; value: { readonly stream: string; readonly version: number } }
}
type Database = IDBPDatabase<RawSchema>
/** One transaction: issues all its requests at once. */
type Write = (db: Database, commit: number, options: Options) => IDBTransactionLike
type Options = Pick<Job, 'durability'>
interface IDBTransactionLike {
  readonly done: Promise<void>
  commit(): void
}
type Commits = readonly (readonly BenchEvent[])[]

/** The text of a commit: the events, and what an append needs to be known again. */
export const toText = (events: readonly BenchEvent[], commit: number): string =>
  JSON.stringify([{ id: `commit-${commit}`, time: '2026-01-01T00:00:00.000Z', events }])
export const textToEvents = ({ commits }: Pick<CommitRecord, 'commits'>): readonly BenchEvent[] =>
  JSON.parse(commits).flatMap(({ events }: { events: readonly BenchEvent[] }) => events)

/** One record for each commit, holding the events as one JSON text. */
const commitRecord =
  (commits: Commits): Write =>
  (db, at, options) => {
    const transaction = db.transaction('commits', 'readwrite', options)
    void transaction.store.add({ revision: at + 1, commits: toText(commits[at] ?? [], at) })
    return transaction
  }

/** The same and, for each stream that the commit touches, a row with the stream's last version. */
const commitRecordAndHeads =
  (commits: Commits): Write =>
  (db, at, options) => {
    const events = commits[at] ?? []
    const transaction = db.transaction(['commits', 'heads'], 'readwrite', options)
    void transaction.objectStore('commits').add({ revision: at + 1, commits: toText(events, at) })
    const heads = transaction.objectStore('heads')
    for (const stream of new Set(events.map((event) => event.stream))) void heads.put({ stream, version: at + 1 })
    return transaction
  }

/** The same without heads, but with a multiEntry index of the names of the streams. */
const commitRecordAndNames =
  (commits: Commits): Write =>
  (db, at, options) => {
    const events = commits[at] ?? []
    const names = [...new Set(events.map(({ stream }) => stream))]
    const transaction = db.transaction('commits', 'readwrite', options)
    void transaction.store.add({ revision: at + 1, commits: toText(events, at), names })
    return transaction
  }

/** One record for each event, in one transaction for the commit. */
const eventRecords = (commits: Commits): Write => {
  const rows = withVersions(commits)
  return (db, at, options) => {
    const transaction = db.transaction('events', 'readwrite', options)
    for (const row of rows[at] ?? []) void transaction.store.add(row)
    return transaction
  }
}

interface Layout {
  readonly write: (commits: Commits) => Write
  readonly store: 'commits' | 'events'
  readonly index?: 'names'
}
const layouts = {
  commit: { write: commitRecord, store: 'commits' },
  'commit-heads': { write: commitRecordAndHeads, store: 'commits' },
  'commit-names': { write: commitRecordAndNames, store: 'commits', index: 'names' },
  event: { write: eventRecords, store: 'events' },
} as const satisfies Record<string, Layout>
export type LayoutName = keyof typeof layouts

export function createRawWriter(name: LayoutName, { durability }: Options): Writer {
  const layout: Layout = layouts[name]
  let db: Database
  return {
    open: async (database) => {
      db = await openDB<RawSchema>(database, 1, { upgrade: (created) => createStores(created, layout) })
    },
    prepare: (commits) => {
      const write = layout.write(commits)
      return (at) => {
        const transaction = write(db, at, { durability })
        transaction.commit()
        return transaction.done
      }
    },
    readAll: async () =>
      layout.store === 'events'
        ? (await db.getAll('events')).length
        : (await db.getAll('commits')).reduce((count, record) => count + textToEvents(record).length, 0),
    close: () => db.close(),
  }
}

function createStores(db: Database, { index }: Layout): void {
  const commits = db.createObjectStore('commits', { keyPath: 'revision' })
  db.createObjectStore('events', { autoIncrement: true })
  db.createObjectStore('heads', { keyPath: 'stream' })
  if (index === 'names') commits.createIndex('names', 'names', { multiEntry: true })
}
