// What a large log is compared with, by hand and in Dexie, in the worker: filled once, and looked into in every round.
import Dexie from 'dexie'
import { type DBSchema, type IDBPDatabase, openDB } from 'idb'
import type { BenchEvent, Versioned } from './corpus.ts'
import { type Job, type Measures, mustEqual } from './job.ts'
import { largeCommits, largeEventsPerCommit, lookupsOf, makeNewEvent, quantityOf } from './large-corpus.ts'
import { textToEvents, toText } from './raw-writers.ts'
import { median, perSecond } from './statistics.ts'

interface Rows extends DBSchema {
  commits: { key: number; value: { readonly revision: number; readonly commits: string } }
  events: { key: number; value: Versioned; indexes: { version: [string, number] } }
  /** What is written after opening, apart from what is read. */
  more: { key: number; value: Versioned | BenchEvent }
}
/** `commit` a JSON text for each commit · `event` a record for each event · `index` that, found by stream and version */
type Layout = 'commit' | 'event' | 'index'

const name = 'bench'
/** Commits of one transaction while a log is filled, which is not measured. */
const filledAtOnce = 10
/** Events that are read at once: the next ones are asked for while these are parsed. */
const scannedAtOnce = 2_000
/** More objects than this are not made at once. */
const tableEventsMax = 100_000

const openRows = (layout: Layout): Promise<IDBPDatabase<Rows>> =>
  openDB<Rows>(name, 1, {
    upgrade: (db) => {
      db.createObjectStore('commits', { keyPath: 'revision' })
      db.createObjectStore('more', { autoIncrement: true })
      const events = db.createObjectStore('events', { autoIncrement: true })
      if (layout === 'index') events.createIndex('version', ['stream', 'version'], { unique: true })
    },
  })

/** Fills a database of records. */
export async function fillRows(layout: Layout, job: Job): Promise<Measures> {
  const db = await openRows(layout)
  let revision = 0
  for (const commits of groupsOf(largeCommits(job))) {
    const transaction = db.transaction(['commits', 'events'], 'readwrite', { durability: 'relaxed' })
    for (const events of commits) {
      revision++
      if (layout === 'commit')
        void transaction.objectStore('commits').add({ revision, commits: toText(events.map(unversioned), revision) })
      else for (const event of events) void transaction.objectStore('events').add(event)
    }
    transaction.commit()
    await transaction.done
  }
  db.close()
  return {}
}

const unversioned = ({ version: _, ...event }: Versioned): Omit<Versioned, 'version'> => event

/** Opens, writes one record, reads and parses all commits, and adds their quantities up. */
export async function scanCommits(job: Job): Promise<Measures> {
  const opening = performance.now()
  const db = await openRows('commit')
  const transaction = db.transaction('more', 'readwrite', { durability: 'relaxed' })
  void transaction.store.add(makeNewEvent(job))
  transaction.commit()
  await transaction.done
  const firstAppendMs = performance.now() - opening
  const step = scannedAtOnce / largeEventsPerCommit
  const ask = (from: number) => db.getAll('commits', IDBKeyRange.bound(from, from + step - 1))
  let [count, quantity] = [0, 0]
  const start = performance.now()
  let next = ask(1)
  for (let from = 1 + step; ; from += step) {
    const rows = await next
    if (rows.length === 0) break
    next = ask(from)
    for (const row of rows)
      for (const { data } of textToEvents(row)) {
        count++
        quantity += data.quantity
      }
  }
  const end = performance.now()
  db.close()
  mustEqual('events read', count, job.largeEvents)
  mustEqual('their quantity', quantity, quantityOf(job))
  return { firstAppendMs, scanPerSecond: perSecond(count, end - start) }
}

/** Reads streams by the index, each once. */
export async function readStreams(job: Job): Promise<Measures> {
  const db = await openRows('index')
  const times: number[] = []
  for (const { name: stream, events } of lookupsOf(job).streams) {
    const from = performance.now()
    const found = await db.getAllFromIndex('events', 'version', IDBKeyRange.bound([stream, 0], [stream, Infinity]))
    times.push(performance.now() - from)
    mustEqual(`events of ${stream}`, found.length, events)
  }
  db.close()
  return { streamMs: median(times) }
}

const openDexie = async (): Promise<Dexie> => {
  const db = new Dexie(name, { chromeTransactionDurability: 'relaxed' })
  db.version(1).stores({ events: '++pk, &[stream+version]' })
  return db.open()
}

/** Fills a table of Dexie. */
export async function fillDexie(job: Job): Promise<Measures> {
  const db = await openDexie()
  for (const commits of groupsOf(largeCommits(job))) await db.table<Versioned>('events').bulkAdd(commits.flat())
  db.close()
  return {}
}

/** Streams by the index, each once; then `toArray` of all events, and their quantities added up. */
export async function scanDexie(job: Job): Promise<Measures> {
  const db = await openDexie()
  const events = db.table<Versioned>('events')
  const streamTimes: number[] = []
  for (const { name: stream, events: expected } of lookupsOf(job).streams) {
    const from = performance.now()
    const found = await events.where('[stream+version]').between([stream, 0], [stream, Infinity]).toArray()
    streamTimes.push(performance.now() - from)
    mustEqual(`events of ${stream}`, found.length, expected)
  }
  let [count, quantity] = [0, 0]
  const start = performance.now()
  while (count < job.largeEvents) {
    const rows = await events
      .where(':id')
      .between(count + 1, count + tableEventsMax, true, true)
      .toArray()
    mustEqual('events of a part', rows.length, Math.min(tableEventsMax, job.largeEvents - count))
    for (const { data } of rows) quantity += data.quantity
    count += rows.length
  }
  const end = performance.now()
  db.close()
  mustEqual('their quantity', quantity, quantityOf(job))
  return { streamMs: median(streamTimes), scanPerSecond: perSecond(count, end - start) }
}

function* groupsOf<T>(commits: Iterable<T>): Generator<readonly T[]> {
  let group: T[] = []
  for (const commit of commits) {
    group.push(commit)
    if (group.length < filledAtOnce) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}
