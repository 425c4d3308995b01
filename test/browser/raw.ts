// The database as it lies on the disk, read with plain IndexedDB.

/** The name of the database of a key. */
export async function databaseOf(key: string): Promise<string> {
  const found = (await indexedDB.databases()).filter(({ name }) => name?.endsWith(key))
  if (found.length !== 1 || found[0]?.name === undefined) throw new Error(`${found.length} databases for ${key}`)
  return found[0].name
}

export async function connect(key: string): Promise<IDBDatabase> {
  const name = await databaseOf(key)
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(name)
    opening.onsuccess = () => resolve(opening.result)
    opening.onerror = () => reject(opening.error)
  })
}

export interface RawRow {
  readonly [field: string]: unknown
}
export interface Raw {
  readonly keys: readonly IDBValidKey[]
  readonly rows: readonly RawRow[]
}

/** Everything in one object store. */
export async function rawStore(key: string, store: string): Promise<Raw> {
  const db = await connect(key)
  const transaction = db.transaction(store)
  const keys = transaction.objectStore(store).getAllKeys()
  const rows = transaction.objectStore(store).getAll()
  await done(transaction)
  db.close()
  return { keys: keys.result, rows: rows.result }
}

/** Everything in every object store. */
export async function rawDatabase(key: string): Promise<Readonly<Record<string, Raw>>> {
  const db = await connect(key)
  const stores = [...db.objectStoreNames]
  db.close()
  return Object.fromEntries(
    await Promise.all(stores.map(async (store) => [store, await rawStore(key, store)] as const)),
  )
}

/** Puts a row beside what the log wrote. */
export async function rawPut(key: string, store: string, row: object): Promise<void> {
  const db = await connect(key)
  const transaction = db.transaction(store, 'readwrite')
  transaction.objectStore(store).put(row)
  await done(transaction)
  db.close()
}

export const deleteDatabase = async (key: string): Promise<void> => {
  const name = await databaseOf(key)
  await new Promise((resolve, reject) => {
    const deleting = indexedDB.deleteDatabase(name)
    deleting.onsuccess = () => resolve(undefined)
    deleting.onerror = () => reject(deleting.error)
  })
}

const done = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })

/** The commits in a row of `writes`. */
export function commitsIn(
  row: RawRow | undefined,
): readonly { readonly id: string; readonly events: readonly RawRow[] }[] {
  if (typeof row?.commits !== 'string') throw new Error('the row holds no commits')
  return JSON.parse(row.commits)
}

/** What the tabs of a key tell each other, until the test is over. */
export async function listen(key: string): Promise<{ readonly heard: RawRow[]; readonly stop: () => void }> {
  const channel = new BroadcastChannel(`tidelog/v1/${await databaseOf(key)}`)
  const heard: RawRow[] = []
  channel.onmessage = ({ data }) => heard.push(data)
  return { heard, stop: () => channel.close() }
}
