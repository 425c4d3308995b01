// IndexedDB as the store sees it: connections, transactions and requests of one realm over a simulated disk.

import { type Disk, type DiskRequest, DiskTransaction, named } from './disk.ts'
import { Pipe, type Realm } from './scheduler.ts'
import { type Bounds, Table, type TableKey } from './table.ts'

class Emitter {
  readonly #listeners = new Map<string, Set<(event: object) => void>>()

  addEventListener(type: string, listener: (event: object) => void): void {
    const present = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, present.add(listener))
  }
  removeEventListener(type: string, listener: (event: object) => void): void {
    this.#listeners.get(type)?.delete(listener)
  }
  emit(type: string, fields: object = {}): void {
    const event = { type, target: this, ...fields }
    const handler: unknown = Reflect.get(this, `on${type}`)
    if (typeof handler === 'function') handler.call(this, event)
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(event)
  }
}

class SimRequest extends Emitter {
  result: unknown = undefined
  error: Error | null = null
  transaction: SimTransaction | null = null

  succeed(result: unknown): void {
    this.result = result
    this.emit('success')
  }
  fail(error: Error): void {
    this.error = error
    this.emit('error')
  }
}

class SimKeyRange implements Bounds {
  readonly lower: TableKey | undefined
  readonly upper: TableKey | undefined
  readonly lowerOpen: boolean
  readonly upperOpen: boolean

  constructor(lower: TableKey | undefined, upper: TableKey | undefined, lowerOpen: boolean, upperOpen: boolean) {
    this.lower = lower
    this.upper = upper
    this.lowerOpen = lowerOpen
    this.upperOpen = upperOpen
  }
  static only(key: TableKey): SimKeyRange {
    return new SimKeyRange(key, key, false, false)
  }
  static bound(lower: TableKey, upper: TableKey, lowerOpen = false, upperOpen = false): SimKeyRange {
    return new SimKeyRange(lower, upper, lowerOpen, upperOpen)
  }
  static lowerBound(lower: TableKey, open = false): SimKeyRange {
    return new SimKeyRange(lower, undefined, open, false)
  }
  static upperBound(upper: TableKey, open = false): SimKeyRange {
    return new SimKeyRange(undefined, upper, false, open)
  }
}
const everything = new SimKeyRange(undefined, undefined, false, false)

class SimObjectStore {
  readonly #name: string
  readonly #transaction: SimTransaction

  constructor(name: string, transaction: SimTransaction) {
    this.#name = name
    this.#transaction = transaction
  }

  add(row: object): SimRequest {
    const copy: object = structuredClone(row)
    return this.#ask(copy, (table) => {
      const key = table.keyOf(copy)
      if (table.get(key) !== undefined) throw named('ConstraintError', 'the key is taken')
      table.put(copy)
      return { result: key, undo: () => table.remove(key) }
    })
  }
  put(row: object): SimRequest {
    const copy: object = structuredClone(row)
    return this.#ask(copy, (table) => {
      const key = table.keyOf(copy)
      const before = table.put(copy)
      return { result: key, undo: () => (before === undefined ? table.remove(key) : table.put(before)) }
    })
  }
  get(range: Bounds): SimRequest {
    return this.#ask(undefined, (table) => ({ result: structuredClone(table.within(range, 1)[0]) }))
  }
  getAll(range: Bounds | null, limit?: number): SimRequest {
    return this.#ask(undefined, (table) => ({ result: structuredClone(table.within(range ?? everything, limit)) }))
  }
  delete(range: Bounds): SimRequest {
    return this.#ask(range, (table) => {
      const rows = table.within(range)
      for (const row of rows) table.remove(table.keyOf(row))
      return {
        result: undefined,
        undo: () => {
          for (const row of rows) table.put(row)
        },
      }
    })
  }

  /** `change` is what is written, for whoever follows a run. */
  #ask(change: object | undefined, apply: DiskRequest['apply']): SimRequest {
    const say = (): string => `${this.#name} ${JSON.stringify(change).slice(0, 1_000)}`
    return this.#transaction.ask({ store: this.#name, isRead: change === undefined, row: change, say, apply })
  }
}

class SimTransaction extends Emitter {
  error: Error | null = null
  readonly objectStoreNames: readonly string[]
  readonly #inner: DiskTransaction

  constructor(connection: SimConnection, stores: readonly string[], writes: boolean) {
    super()
    this.objectStoreNames = stores
    this.#inner = new DiskTransaction(connection.disk, stores, writes, {
      post: (act) => connection.post(act),
      onComplete: () => {
        connection.live.delete(this.#inner)
        this.emit('complete')
      },
      onAbort: (error) => {
        connection.live.delete(this.#inner)
        this.error = error
        this.emit('abort')
      },
    })
    connection.live.add(this.#inner)
  }

  objectStore(name: string): SimObjectStore {
    return new SimObjectStore(name, this)
  }
  ask(asked: Pick<DiskRequest, 'store' | 'isRead' | 'row' | 'say' | 'apply'>): SimRequest {
    const request = new SimRequest()
    request.transaction = this
    this.#inner.add({
      ...asked,
      succeed: (result) => request.succeed(result),
      fail: (error) => request.fail(error),
    })
    return request
  }
  commit(): void {
    this.#inner.commit()
  }
  abort(): void {
    this.#inner.abort(null)
  }
}

class SimConnection extends Emitter {
  readonly disk: Disk
  readonly live: Set<DiskTransaction> = new Set()
  readonly #pipe: Pipe
  #isClosed = false

  constructor(disk: Disk, realm: Realm) {
    super()
    this.disk = disk
    this.#pipe = new Pipe(disk.scheduler, realm)
    realm.onDeath(() => this.#orphan(realm))
  }

  post(act: () => void): void {
    this.#pipe.post(this.disk.chaos.dice.skewed(0, 4), act)
  }

  transaction(stores: readonly string[], mode: string): SimTransaction {
    const { chaos } = this.disk
    if (this.#isClosed) throw new DOMException('the connection is closing', 'InvalidStateError')
    const writes = mode === 'readwrite'
    const transaction = new SimTransaction(this, stores, writes)
    if (!writes && chaos.strikes('storage: read lost', 0.002)) this.disk.soon(() => this.#break(false))
    else if (writes && chaos.strikes('storage: lost, not written', 0.004)) this.disk.soon(() => this.#break(false))
    else if (writes && chaos.strikes('storage: lost, but written', 0.006)) this.disk.soon(() => this.#break(true))
    return transaction
  }
  createObjectStore(name: string, { keyPath }: { readonly keyPath: string | readonly string[] }): void {
    this.disk.tables.set(name, new Table(keyPath))
  }
  close(): void {
    this.#isClosed = true
  }

  /** The browser drops the connection under its tab. */
  #break(comesThrough: boolean): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const transaction of this.live)
      transaction.breakOff(named('UnknownError', 'the connection was lost'), comesThrough)
    this.live.clear()
    this.post(() => this.emit('close'))
  }

  #orphan(realm: Realm): void {
    this.#isClosed = true
    const { dice, tally } = this.disk.chaos
    for (const transaction of this.live) {
      if (!transaction.isLive) continue
      tally.count('killed inside a transaction')
      const comesThrough = dice.chance(0.5)
      if (transaction.writes && !(comesThrough && transaction.isCommitting))
        tally.count('storage: write lost with its tab')
      transaction.orphan(comesThrough)
    }
    this.live.clear()
    realmConnections.delete(realm)
  }
}

const realmConnections = new Map<Realm, Set<SimConnection>>()
/** Whether a realm has a transaction under way. */
export const isInTransaction = (realm: Realm): boolean =>
  [...(realmConnections.get(realm) ?? [])].some(({ live }) => [...live].some(({ isLive }) => isLive))

/** What `indexedDB.open` finds under a name: a disk, and the realm that asks. */
const places = new Map<string, { readonly disk: Disk; readonly realm: Realm }>()
/** A name under which this realm finds this disk. */
export function registerDisk(name: string, disk: Disk, realm: Realm): void {
  places.set(name, { disk, realm })
  realm.onDeath(() => places.delete(name))
}

function open(name: string): SimRequest {
  const place = places.get(name)
  if (place === undefined) throw new Error(`nothing is known of ${name}`)
  const { disk, realm } = place
  const request = new SimRequest()
  if (disk.chaos.strikes('storage: could not be opened', 0.02))
    realm.post(5, () => request.fail(named('UnknownError', 'the database could not be opened')))
  else disk.soon(() => connect(disk, realm, request))
  return request
}

function connect(disk: Disk, realm: Realm, request: SimRequest): void {
  if (realm.isDead) return
  if (!disk.isMade && disk.maker?.isDead === false) {
    disk.realm.post(5, () => connect(disk, realm, request))
    return
  }
  const connection = new SimConnection(disk, realm)
  const known = realmConnections.get(realm) ?? new Set()
  realmConnections.set(realm, known.add(connection))
  const succeed = (): void => {
    connection.post(() => request.succeed(connection))
  }
  if (disk.isMade) {
    succeed()
    return
  }
  disk.maker = realm
  connection.post(() => {
    request.result = connection
    const upgrade = new SimTransaction(connection, ['writes', 'log', 'dir', 'state'], true)
    request.transaction = upgrade
    upgrade.addEventListener('complete', () => {
      disk.isMade = true
      succeed()
    })
    upgrade.addEventListener('abort', () => {
      disk.maker = undefined
      request.fail(named('AbortError', 'the stores could not be made'))
    })
    request.emit('upgradeneeded', { oldVersion: 0, newVersion: 1 })
  })
}

/** Puts the simulated IndexedDB where a browser has its own. */
export function installIndexedDb(): void {
  const names = {
    indexedDB: { open },
    IDBKeyRange: SimKeyRange,
    IDBRequest: SimRequest,
    IDBTransaction: SimTransaction,
    IDBDatabase: SimConnection,
    IDBVersionChangeEvent: class {},
    IDBObjectStore: SimObjectStore,
    IDBIndex: class {},
    IDBCursor: class {
      advance(): void {}
      continue(): void {}
      continuePrimaryKey(): void {}
    },
  }
  for (const [name, value] of Object.entries(names))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
}
