// What the server keeps its logs in: memory, or one of the real stores, which take real time for what they do.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryStore } from '../../server/memory-store.ts'
import type { LogStore } from '../../server/store.ts'
import { createWatchers } from '../../server/watchers.ts'
import type { Scheduler } from './scheduler.ts'

/** What `--store` names: `sqlite`, or the address of a server. Absent: memory, which takes no time. */
async function openStore(name: string): Promise<LogStore> {
  if (name === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'tidelog-sim-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    return (await import('../../server/sqlite.ts')).sqliteStore(join(folder, 'log.db'))
  }
  if (name.startsWith('postgresql:'))
    return (await import('../../server/postgres.ts')).postgresStore({ connectionString: name })
  if (name.startsWith('nats:')) return (await import('../../server/nats.ts')).natsStore({ servers: name, streams: 2 })
  if (name.startsWith('http:')) return (await import('../servers/edge-calls.ts')).calledStore(name)
  throw new Error(`there is no store ${name}`)
}

let opened: LogStore | undefined
let count = 0

/** All stores of this process are places in the one that is opened here. */
export async function keepIn(name: string): Promise<void> {
  opened = await openStore(name)
}

/** A store that nobody has written to. */
export const freshStore = (scheduler: Scheduler): LogStore =>
  opened === undefined ? memoryStore() : placeIn(opened, `${process.pid}.${count++}.`, scheduler)

/**
 * Part of a real store. Its calls are made one after the other, and no simulated time goes by meanwhile, so that a seed
 * replays. Who watches hears of an append when it is done: when a real notice arrives is no part of a seed.
 */
function placeIn(store: LogStore, prefix: string, scheduler: Scheduler): LogStore {
  const watchers = createWatchers()
  const { segments, erasures } = store
  const name = (log: string): string => prefix + log
  return {
    append: (log, expectedHead, commits) =>
      scheduler.outside(async () => {
        const result = await store.append(name(log), expectedHead, commits)
        if (result.taken > 0) watchers.notify(log, result.head)
        return result
      }),
    range: (log, after, limits) => scheduler.outside(() => store.range(name(log), after, limits)),
    head: (log) => scheduler.outside(() => store.head(name(log))),
    digestAt: (log, position) => scheduler.outside(() => store.digestAt(name(log), position)),
    watch: watchers.add,
    ...(segments && {
      segments: {
        list: (log) => scheduler.outside(() => segments.list(name(log))),
        get: (log, hash) => scheduler.outside(() => segments.get(name(log), hash)),
        add: (log, ...added) => scheduler.outside(() => segments.add(name(log), ...added)),
      },
    }),
    ...(erasures && {
      erasures: {
        through: (log) => scheduler.outside(() => erasures.through(name(log))),
        put: (log, erased) => scheduler.outside(() => erasures.put(name(log), erased)),
      },
    }),
    close: async () => {},
  }
}
