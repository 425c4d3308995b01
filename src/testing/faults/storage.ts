import { mustBe } from '../../core/errors.ts'
import { delayedRequest, failedRequest } from './open-request.ts'
import { createForce, type Force, type Patches, type Undo } from './patch.ts'

/** What goes wrong with IndexedDB in this realm. */
export interface StorageFaults {
  /** There is no room: a write aborts with `QuotaExceededError`, after its requests have succeeded, as in Chromium. */
  readonly full: () => Undo
  /**
   * The browser closes the connections that are open now, and tells by `close`. `silent`: it does not tell, and what is
   * done with them throws, as in WebKit after its storage process was killed.
   */
  readonly closeConnections: (options?: { readonly silent?: boolean }) => void
  /** So many opens fail; `name` is that of the error, `UnknownError` by default. */
  readonly failOpens: (times?: number, name?: string) => Undo
  /** Opens do not answer. When it is undone, they do. */
  readonly hangOpens: () => Undo
  /** Transactions do what they do, and nothing ever answers, as in Chromium when a user clears the site's data meanwhile. */
  readonly loseAnswers: () => Undo
  /** Transactions take at least so long, and keep others waiting meanwhile. */
  readonly slow: (ms: number) => Undo
  /** How often each of these struck: nothing that a test provokes should pass unseen. */
  readonly struck: () => Readonly<Record<Struck, number>>
}
type Struck = 'full' | 'closed' | 'failed' | 'hung' | 'unanswered' | 'slow'

/** The faults in force, and what they have struck. */
class State {
  readonly struck: Record<Struck, number> = { full: 0, closed: 0, failed: 0, hung: 0, unanswered: 0, slow: 0 }
  readonly full: Force<true> = createForce()
  readonly slow: Force<number> = createForce()
  readonly losing: Force<true> = createForce()
  readonly failing: Force<{ left: number; readonly name: string }> = createForce()
  /** Opens that wait for the end of {@link hanging}. */
  readonly hung: (() => void)[] = []
  readonly hanging: Force<true> = createForce(() => {
    if (this.hanging.now() === undefined) for (const go of this.hung.splice(0)) go()
  })
  readonly connections: Set<IDBDatabase> = new Set()
}

/** Transactions are struck when they are committed by `commit()`, as those of tidelog are. */
export function storageFaults(realm: typeof globalThis, patches: Patches): StorageFaults & { readonly clear: Undo } {
  const state = new State()
  const { full, slow, losing, failing, hanging, connections, struck } = state
  // Where there is no IndexedDB, nothing can go wrong with it.
  if (realm.IDBFactory !== undefined) {
    patchOpen(realm, patches, state)
    patchCommit(realm, patches, state)
  }
  return {
    full: () => full.add(true),
    closeConnections: ({ silent = false } = {}) => {
      for (const db of [...connections]) {
        struck.closed += 1
        db.close()
        if (!silent) db.dispatchEvent(new realm.IDBVersionChangeEvent('close'))
      }
    },
    failOpens: (times = 1, name = 'UnknownError') => {
      mustBe(Number.isInteger(times) && times > 0, 'a number of opens', times)
      return failing.add({ left: times, name })
    },
    hangOpens: () => hanging.add(true),
    loseAnswers: () => losing.add(true),
    slow: (ms) => slow.add(ms),
    struck: () => ({ ...struck }),
    clear: () => {
      for (const force of [full, failing, slow, losing, hanging]) force.clear()
    },
  }
}

function patchOpen(realm: typeof globalThis, patches: Patches, state: State): void {
  const { failing, hanging, hung, struck, connections } = state
  patches.put(realm.IDBFactory.prototype, 'open', (before) => {
    return function (this: IDBFactory, name: string, version?: number) {
      const openNow = (): IDBOpenDBRequest => {
        const request = version === undefined ? before.call(this, name) : before.call(this, name, version)
        request.addEventListener('success', () => connections.add(request.result))
        return request
      }
      const failure = failing.now()
      if (failure !== undefined && failure.left > 0) {
        failure.left -= 1
        struck.failed += 1
        return failedRequest(realm, new DOMException('Internal error opening backing store.', failure.name))
      }
      if (hanging.now() === undefined) return openNow()
      struck.hung += 1
      const { request, go } = delayedRequest(realm, openNow)
      hung.push(go)
      return request
    }
  })
  patches.put(realm.IDBDatabase.prototype, 'close', (before) => {
    return function (this: IDBDatabase) {
      connections.delete(this)
      before.call(this)
    }
  })
}

function patchCommit(realm: typeof globalThis, patches: Patches, { full, slow, losing, struck }: State): void {
  patches.put(realm.IDBTransaction.prototype, 'commit', (commit) => {
    return function (this: IDBTransaction) {
      const isFull = full.now() !== undefined && this.mode === 'readwrite'
      const ms = slow.now()
      if (losing.now() !== undefined) {
        struck.unanswered += 1
        loseAnswers(this)
      }
      if (!isFull && ms === undefined) {
        commit.call(this)
        return
      }
      if (ms !== undefined) struck.slow += 1
      afterRequests(this, performance.now() + (ms ?? 0), () => {
        if (isFull) {
          struck.full += 1
          abortForRoom(this)
        } else commit.call(this)
      })
    }
  })
}

/** Keeps a transaction open until then, and ends it: all that was asked of it before has succeeded. */
function afterRequests(transaction: IDBTransaction, until: number, end: () => void): void {
  const store = transaction.objectStore(transaction.objectStoreNames[0] as string)
  const look = (): void => {
    store.count(0).onsuccess = () => (performance.now() < until ? look() : end())
  }
  look()
}

/** What comes first stops what would come next: the requests of a transaction are below it. */
function loseAnswers(transaction: IDBTransaction): void {
  for (const type of ['success', 'error', 'complete', 'abort'])
    transaction.addEventListener(type, (event) => event.stopImmediatePropagation(), { capture: true })
}

function abortForRoom(transaction: IDBTransaction): void {
  const error = new DOMException('The quota has been exceeded.', 'QuotaExceededError')
  Object.defineProperty(transaction, 'error', { get: () => error, set: () => {} })
  transaction.abort()
}
