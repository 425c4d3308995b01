import { type Key, type Range, type Request, type RunOptions, StoreError, type StoreErrorKind } from './store.ts'

/**
 * Whether `commit()` may come before the answers of several writes. Firefox would then keep the others when one of them
 * fails, unless it is the last. Only its JavaScript has this error, whatever a user agent says.
 */
const isCommitAtomic: boolean = !('InternalError' in globalThis)

/**
 * Whether a transaction whose thread ends after `commit()` ends with it. WebKit sends the commit only when all is answered,
 * and aborts what is unfinished when a thread ends, but not what is to be committed: that would hold its stores for ever.
 * Only its errors say where their source is.
 */
const isCommitSent: boolean = !('sourceURL' in new Error())

/**
 * The one place that opens transactions. All requests and, where it can be, the commit are issued in this turn, so that
 * a tab that is frozen afterwards holds nobody up; readonly transactions too.
 */
export function transact(db: IDBDatabase, requests: readonly Request[], options: RunOptions): Promise<unknown[]> {
  const stores = [...new Set(requests.map((request) => request.store))]
  const isWrite = options.write === true
  const transaction = db.transaction(stores, isWrite ? 'readwrite' : 'readonly', {
    durability: options.durability ?? 'relaxed',
  })
  const issued = issueAll(transaction, requests)
  if (!isCommitSent) issued.at(-1)?.addEventListener('success', () => transaction.commit())
  else if (isCommitAtomic || !isWrite || issued.length === 1) transaction.commit()
  return outcome(transaction, issued)
}

const outcome = (transaction: IDBTransaction, issued: readonly IDBRequest[]): Promise<unknown[]> =>
  new Promise((resolve, reject) => {
    // Chromium keeps large values in files of their own and may give what was read of them only after `complete`.
    let isComplete = false
    let left = issued.length + 1
    // The first that failed says why: after `commit()`, the transaction says nothing in WebKit and little in Firefox.
    let failure: DOMException | null = null
    const settle = (): void => {
      left -= 1
      if (left === 0) resolve(issued.map(({ result }) => result))
    }
    for (const request of issued) {
      request.onsuccess = settle
      // In braces: a handler that answers false would keep the transaction from aborting.
      request.onerror = () => {
        failure ??= request.error
        if (isComplete) reject(toStoreError(failure))
      }
    }
    transaction.oncomplete = () => {
      isComplete = true
      if (failure !== null) reject(toStoreError(failure))
      settle()
    }
    // Quota refuses after the requests succeeded and sends no error event, so `abort` is what counts.
    transaction.onabort = () => {
      const { error } = transaction
      reject(toStoreError(error === null || error.name === 'AbortError' ? (failure ?? error) : error))
    }
  })

/** A request that can't be issued takes those before it along: left alone, the transaction would commit them. */
function issueAll(transaction: IDBTransaction, requests: readonly Request[]): readonly IDBRequest[] {
  try {
    return requests.map((request) => issue(transaction, request))
  } catch (error) {
    transaction.abort()
    throw error
  }
}

function issue(transaction: IDBTransaction, request: Request): IDBRequest {
  const store = transaction.objectStore(request.store)
  switch (request.op) {
    case 'add':
      return store.add(request.row)
    case 'put':
      return store.put(request.row)
    case 'get':
      return store.get(IDBKeyRange.only(request.key))
    case 'range':
      return store.getAll(toIdbRange(request), request.limit)
    case 'count':
      return store.count(toIdbRange(request))
    case 'delete':
      return store.delete(toIdbRange(request))
  }
}

/** Below and above every key: an array is above every number and text, and so is one that begins with an array. */
const lowest: Key = Number.NEGATIVE_INFINITY
const highest = [[]]

const toIdbRange = ({ after, from = lowest, to }: Range): IDBKeyRange =>
  IDBKeyRange.bound(after ?? from, to ?? highest, after !== undefined)

const kinds: ReadonlyMap<string, StoreErrorKind> = new Map([
  ['ConstraintError', 'taken'],
  ['QuotaExceededError', 'full'],
  ['VersionError', 'newer'],
])

/** Every way a transaction ends badly, by its name: the text of a message differs between engines. */
export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const { name, message } = error instanceof Error ? error : { name: 'abort', message: 'the transaction was aborted' }
  return new StoreError(kinds.get(name) ?? 'lost', `${name}: ${message}`, { cause: error })
}
