import type { Log, SyncStatus } from 'tidelog'
import { makeCommits } from './corpus.ts'
import type { Job } from './job.ts'
import { type definitions, toFact } from './model.ts'

type Fact = ReturnType<typeof toFact>
export type SyncedLog = Pick<Log<typeof definitions>, 'sync'>

/** A log at the server that only this run uses: its origin is its own. */
export const ownLog = (name: string): string => `${name}-${location.hostname}`
export const syncUrlOf = (log: string): string => `/sync/${log}`

/** Waits until the sync of a log says so. */
export const syncReaches = ({ sync }: SyncedLog, isThere: (status: SyncStatus) => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (!isThere(sync.get())) return
      stop()
      resolve()
    }
    const stop = sync.subscribe(look)
    look()
  })
export const isSynced = ({ synced }: SyncStatus): boolean => synced

/** Ends what is on the wire, and waits for it. */
export async function pause(log: SyncedLog): Promise<void> {
  log.sync.pause()
  await syncReaches(log, ({ state }) => state === 'paused')
}

/** Facts for commits of one event each. */
export const singleFacts = (job: Job, count: number): readonly Fact[] =>
  makeCommits({ ...job, eventsPerCommit: 1 }, count).flatMap((events) => events.map(toFact))

const atOnce = 1000

/** Does something with each value, not more than a thousand at once. */
export async function inGroups<T>(values: readonly T[], use: (value: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < values.length; at += atOnce) await Promise.all(values.slice(at, at + atOnce).map(use))
}
