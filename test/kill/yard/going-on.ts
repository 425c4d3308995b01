// How an app goes on whose log has another server, or its first one: it adopts or attaches, until all is in step and nothing waits.
import { isTidelogError, type StorageStatus, type SyncStatus } from 'tidelog'
import { adopt, attach, listArchives } from 'tidelog/replica'

interface Observed<T> {
  readonly get: () => T
  readonly subscribe: (onChange: () => void) => () => void
}
interface SyncedLog {
  readonly ready: Promise<void>
  readonly sync: Observed<SyncStatus>
  readonly storage: Observed<StorageStatus>
  readonly close: () => Promise<void>
}

/** What an app hears that goes on with a log which has ended, here or in its worker. */
export const hasEnded = (error: unknown): boolean =>
  isTidelogError(error, 'tidelog/log-moved') ||
  isTidelogError(error, 'tidelog/log-closed') ||
  isTidelogError(error, 'tidelog/worker-lost')

/** Resolves when it is so. */
function when<T>(observed: Observed<T>, isSo: (value: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    const look = (): void => {
      const value = observed.get()
      if (!isSo(value)) return
      stop()
      resolve(value)
    }
    const stop = observed.subscribe(look)
    look()
  })
}

/** `reopen` opens what the log has become. */
export async function goOn(log: () => SyncedLog, reopen: () => void): Promise<void> {
  for (;;)
    try {
      if (await isInStep(log())) return
    } catch (error) {
      if (!hasEnded(error)) throw error
      await log().close()
      reopen()
    }
}

async function isInStep(log: SyncedLog): Promise<boolean> {
  await log.ready
  const hasMoved = when(log.storage, ({ state }) => state === 'moved' || state === 'closed')
  const hasSettled = when(log.sync, ({ state, synced }) => synced || state === 'diverged' || state === 'needs-attach')
  await Promise.race([hasMoved, hasSettled])
  const { state } = log.sync.get()
  if (state === 'diverged') await adopt(log, { bring: 'missing' })
  else if (state === 'needs-attach') {
    const attached = await attach(log)
    if (!attached.ok) throw new Error(`not attached: ${JSON.stringify(attached.reason)}`)
  }
  const archives = await listArchives(log)
  const isInStep = archives.every(({ isBrought }) => isBrought) && log.sync.get().synced
  // Nothing tells when all has come over.
  if (!isInStep) await new Promise((resolve) => setTimeout(resolve, 20))
  return isInStep
}
