// A page that writes as fast as it can, and says each beginning and each end at once to the one who counts.
import { defineEvents, defineLog, event, openLog, type, unwrap } from 'tidelog'
import type { Entry, Part } from '../tally.ts'

const startPackingWorker = (): Worker => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
type Berth = Part & { readonly stream: string }
const events = defineEvents({ Berthed: event(type<Berth>(), { stream: ({ stream }) => stream }) })
const query = new URLSearchParams(location.search)
const counter = query.get('counter') ?? ''
const log = openLog(defineLog({ name: 'harbour', events }), {
  ...(query.has('alone') ? {} : { sync: '/sync/harbour' }),
  ...(query.has('packing') ? { worker: startPackingWorker } : {}),
})

let lines: string[] = []
let telling = false
/** One request after the other, so that what is told arrives in order. */
async function tell(line: string): Promise<void> {
  lines.push(line)
  if (telling) return
  telling = true
  while (lines.length > 0) {
    const body = lines.join('\n')
    lines = []
    if (counter !== '') await fetch(counter, { method: 'POST', mode: 'no-cors', body })
  }
  telling = false
}

const pick = <T>(choices: readonly T[]): T => choices[Math.floor(Math.random() * choices.length)] as T
const makeCommit = (commit: string) => {
  const parts = pick([1, 1, 2, 4])
  return Array.from({ length: parts }, (_, part) => {
    const size = pick([10, 10, 10, 10, 100, 100, 100, 2_000, 2_000, 20_000])
    return events.Berthed({ commit, part, parts, size, pad: '~'.repeat(size), stream: pick(['quay', 'pier']) })
  })
}

let isWriting = false
let made = 0
async function writeOn(name: string, pauseMs: number): Promise<void> {
  while (isWriting) {
    const commit = `${name}-${made++}`
    void tell(`begin ${commit}`)
    unwrap(await log.append(makeCommit(commit)))
    void tell(`end ${commit}`)
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

/** What the log has on disk, past the log. */
async function look<T>(store: string, range?: IDBKeyRange): Promise<readonly T[]> {
  const opening = indexedDB.open('tidelog/harbour')
  const db = await new Promise<IDBDatabase>((resolve) => {
    opening.onsuccess = () => resolve(opening.result)
  })
  const reading: IDBRequest<T[]> = db.transaction(store).objectStore(store).getAll(range)
  const rows = await new Promise<readonly T[]>((resolve) => {
    reading.onsuccess = () => resolve(reading.result)
  })
  db.close()
  return rows
}

const controls = {
  /** Starts writers of commits that are named after `name`; each goes on when its append is acknowledged. */
  write: (name: string, writers: number, pauseMs = 0): void => {
    isWriting = true
    for (let writer = 0; writer < writers; writer++)
      writeOn(name, pauseMs).catch((error: unknown) => tell(`error ${error}`))
  },
  stop: (): void => {
    isWriting = false
  },
  /** Which database it is: one that the browser has thrown away is followed by another one. */
  database: async (): Promise<string> => {
    await log.ready
    const rows = await look<{ readonly chain: string; readonly id?: string }>('state')
    return rows.find(({ chain }) => chain === 'database')?.id ?? 'none'
  },
  read: async (): Promise<readonly Entry[]> => {
    const { events } = await log.read().all()
    return events.map(({ data: { commit, part, parts, size, pad }, stream, version, position }) => {
      return { commit, part, parts, isIntact: pad.length === size, stream, version, position }
    })
  },
  /** How many segments the log has. */
  segments: async (): Promise<number> => {
    const [row]: readonly { readonly checkpoint?: string }[] = await look('state', IDBKeyRange.only(['checkpoint', 0]))
    return row?.checkpoint === undefined ? 0 : JSON.parse(row.checkpoint).segments.length
  },
  /** How many segments came from the server. */
  downloads: async (): Promise<number> => {
    const rows: readonly { readonly kind: string; readonly segment?: unknown }[] = await look('writes')
    return rows.filter(({ kind, segment }) => kind === 'pull' && segment !== undefined).length
  },
  tryNow: (): void => log.sync.now(),
  /** Resolves when the server has confirmed all that is here; rejects with the state of sync when that can't be. */
  synced: (): Promise<void> =>
    new Promise((resolve, reject) => {
      const giveUp = (): void => reject(new Error(`never in step with the server: ${JSON.stringify(log.sync.get())}`))
      const look = (): void => {
        const { state, synced } = log.sync.get()
        if (synced) resolve()
        else if (state === 'diverged' || state === 'stopped') giveUp()
      }
      log.sync.subscribe(look)
      look()
      setTimeout(giveUp, 60_000)
    }),
}
declare global {
  var harbour: typeof controls
}
globalThis.harbour = controls
