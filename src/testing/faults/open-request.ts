// Requests to open a database that answer as a fault wants it. A browser makes no such request but its own.

type Fields = Partial<Pick<IDBOpenDBRequest, 'result' | 'error' | 'transaction' | 'readyState'>>
type Handler = 'onsuccess' | 'onerror' | 'onblocked' | 'onupgradeneeded'

/** A request of our own that passes for one of the browser's. */
function ownRequest(realm: typeof globalThis, read: () => Fields): IDBOpenDBRequest {
  const target = new EventTarget()
  const request: IDBOpenDBRequest = Object.create(realm.IDBOpenDBRequest.prototype)
  for (const name of ['addEventListener', 'removeEventListener'] as const)
    Object.defineProperty(request, name, { value: target[name].bind(target) })
  for (const name of ['result', 'error', 'transaction', 'readyState'] as const)
    Object.defineProperty(request, name, { get: () => read()[name] ?? null })
  for (const name of ['onsuccess', 'onerror', 'onblocked', 'onupgradeneeded'] satisfies Handler[])
    Object.defineProperty(request, name, { value: null, writable: true })
  const dispatchEvent = (event: Event): boolean => {
    // Listeners read what they were added to, and the event's own target is out of reach.
    Object.defineProperty(event, 'target', { value: request })
    const handler: unknown = Reflect.get(request, `on${event.type}`)
    if (typeof handler === 'function') handler.call(request, event)
    return target.dispatchEvent(event)
  }
  Object.defineProperty(request, 'dispatchEvent', { value: dispatchEvent })
  return request
}

export function failedRequest(realm: typeof globalThis, error: DOMException): IDBOpenDBRequest {
  const request = ownRequest(realm, () => ({ error, readyState: 'done' }))
  setTimeout(() => request.dispatchEvent(new Event('error')))
  return request
}

/** A request that is made when `go` is called, and answers then. */
export function delayedRequest(
  realm: typeof globalThis,
  open: () => IDBOpenDBRequest,
): { readonly request: IDBOpenDBRequest; readonly go: () => void } {
  let made: IDBOpenDBRequest | undefined
  const request = ownRequest(realm, () =>
    made?.readyState === 'done'
      ? ({
          result: made.error ? null : made.result,
          error: made.error,
          transaction: made.transaction,
          readyState: 'done',
        } as Fields)
      : { readyState: 'pending' },
  )
  const go = (): void => {
    made = open()
    for (const type of ['success', 'error', 'blocked'])
      made.addEventListener(type, () => request.dispatchEvent(new Event(type)))
    made.addEventListener('upgradeneeded', ({ oldVersion, newVersion }) => {
      // In the same turn, since a transaction lives for no longer.
      request.dispatchEvent(new VersionChange(oldVersion, newVersion))
    })
  }
  return { request, go }
}

/** Not the browser's own class: in Node there may be none. */
class VersionChange extends Event {
  readonly oldVersion: number
  readonly newVersion: number | null
  constructor(oldVersion: number, newVersion: number | null) {
    super('upgradeneeded')
    this.oldVersion = oldVersion
    this.newVersion = newVersion
  }
}
