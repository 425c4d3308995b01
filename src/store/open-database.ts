import { openDB, unwrap } from 'idb'
import type { Clock } from '../core/ports.ts'
import { identityChain, rowFormat, type StateRow } from '../protocol/rows.ts'
import { keyPaths, StoreError } from './store.ts'

export interface OpenOptions {
  readonly name: string
  readonly newId: () => string
  readonly clock: Clock
  /** An open that takes longer counts as storage that is not to be had. */
  readonly openTimeoutMs?: number
}

/** The IndexedDB version, for ever: a frozen old tab would block an upgrade, so formats are numbers inside rows. */
const version = 1
/**
 * What may be otherwise a moment later: a virus scanner had the files, or the engine's own process restarts. An open is aborted while
 * the browser clears the site's data, and only the next one finds that the database is gone.
 */
const passing: ReadonlySet<string> = new Set(['UnknownError', 'AbortError'])
const retriesMs: readonly number[] = [100, 400, 1_600]

/**
 * Opens that were given up once and go on: another one behind such a request would hang as well, and two would be two
 * connections. What does not answer then may never do so, and is asked anew.
 */
const silent = new Map<string, Promise<IDBDatabase>>()

/** Opens a database. One that is not there is made, unless it `isKnown`: then it was deleted. */
export async function openDatabase(options: OpenOptions, isKnown: boolean): Promise<IDBDatabase> {
  for (const retryMs of retriesMs)
    try {
      return await openInTime(options, isKnown)
    } catch (error) {
      if (!(error instanceof Error && passing.has(error.name))) throw error
      await new Promise<void>((resolve) => options.clock.after(retryMs, resolve))
    }
  return openInTime(options, isKnown)
}

function openInTime(options: OpenOptions, isKnown: boolean): Promise<IDBDatabase> {
  const { name } = options
  const late = silent.get(name)
  const opening = late ?? openNow(options, isKnown)
  silent.delete(name)
  const isLeft = (): boolean => silent.get(name) === opening && silent.delete(name)
  return inTime(opening, options, () => {
    if (late === undefined) silent.set(name, opening)
    opening.then((db) => (late || isLeft()) && db.close(), isLeft)
  })
}

/** Waits for what opens a database. Rejects with a `StoreError` `silent` when that takes too long, after `giveUp`. */
export function inTime<T>(
  opening: Promise<T>,
  { clock, openTimeoutMs = 15_000 }: OpenOptions,
  giveUp?: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const callOff = clock.after(openTimeoutMs, () => {
      giveUp?.()
      reject(new StoreError('silent', `storage does not answer in ${openTimeoutMs} ms`))
    })
    opening.then(resolve, reject).finally(callOff)
  })
}

/** Async, since `indexedDB` may be missing, or throw where storage is forbidden. */
async function openNow({ name, newId }: OpenOptions, isKnown: boolean): Promise<IDBDatabase> {
  let isGone = false
  const opening = openDB(name, version, {
    upgrade: (db, _from, _to, transaction) => {
      // Opening rejects when this aborts; nobody else waits for it.
      transaction.done.catch(() => {})
      if (isKnown) {
        isGone = true
        return transaction.abort()
      }
      for (const [store, keyPath] of Object.entries(keyPaths)) db.createObjectStore(store, { keyPath })
      const identity: StateRow = { chain: identityChain, n: 0, format: rowFormat, id: newId() }
      void transaction.objectStore('state').add(identity)
    },
  })
  return opening.then(
    (db) => unwrap(db),
    (error: unknown) => {
      throw isGone ? new StoreError('replaced', 'the database was deleted') : error
    },
  )
}
