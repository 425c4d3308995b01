// What a read model is compared with, in the worker: the same rows put by hand and by Dexie, with indexes of the same.
import Dexie from 'dexie'
import { type DBSchema, openDB } from 'idb'
import { type CartQueries, measureQueries } from './cart-queries.ts'
import { type Cart, cartChanges, cartsOf } from './carts.ts'
import type { Job, Measures } from './job.ts'
import { perSecond } from './statistics.ts'

interface Schema extends DBSchema {
  carts: { key: string; value: Cart; indexes: { total: number; customerId: string } }
}

/** A place for rows. */
interface Rows extends CartQueries {
  readonly put: (carts: readonly Cart[]) => Promise<unknown>
  readonly close: () => void
}

/** Rows of one transaction. */
const putAtOnce = 1_000

async function openRaw(name: string): Promise<Rows> {
  const db = await openDB<Schema>(name, 1, {
    upgrade: (created) => {
      const carts = created.createObjectStore('carts', { keyPath: 'cartId' })
      carts.createIndex('total', 'total')
      carts.createIndex('customerId', 'customerId')
    },
  })
  return {
    put: (carts) => {
      const transaction = db.transaction('carts', 'readwrite', { durability: 'relaxed' })
      for (const cart of carts) void transaction.store.put(cart)
      transaction.commit()
      return transaction.done
    },
    get: (cartId) => db.get('carts', cartId),
    ofCustomer: (customerId) => db.getAllFromIndex('carts', 'customerId', customerId),
    from: (total, limit) => db.getAllFromIndex('carts', 'total', IDBKeyRange.lowerBound(total), limit),
    downFrom: async (total, limit) => {
      const found: Cart[] = []
      const { store } = db.transaction('carts')
      let cursor = await store.index('total').openCursor(IDBKeyRange.upperBound(total), 'prev')
      while (cursor !== null) {
        found.push(cursor.value)
        cursor = found.length < limit ? await cursor.continue() : null
      }
      return found
    },
    countFrom: (total) => db.countFromIndex('carts', 'total', IDBKeyRange.lowerBound(total)),
    close: () => db.close(),
  }
}

async function openDexie(name: string): Promise<Rows> {
  const db = new Dexie(name, { chromeTransactionDurability: 'relaxed' })
  db.version(1).stores({ carts: 'cartId, total, customerId' })
  await db.open()
  const table = db.table<Cart, string>('carts')
  return {
    put: (carts) => table.bulkPut(carts),
    get: (cartId) => table.get(cartId),
    ofCustomer: (customerId) => table.where({ customerId }).toArray(),
    from: (total, limit) => table.where('total').aboveOrEqual(total).limit(limit).toArray(),
    downFrom: (total, limit) => table.where('total').belowOrEqual(total).reverse().limit(limit).toArray(),
    countFrom: (total) => table.where('total').aboveOrEqual(total).count(),
    close: () => db.close(),
  }
}

/** Puts the rows of the large log, all of them once, and asks for some. */
async function measureRows(rows: Rows, job: Job): Promise<Measures> {
  const carts = cartsOf(job)
  let ms = 0
  for (let at = 0; at < carts.length; at += putAtOnce) {
    const some = carts.slice(at, at + putAtOnce)
    const start = performance.now()
    await rows.put(some)
    ms += performance.now() - start
  }
  const queries = await measureQueries(rows, carts, job)
  rows.close()
  return { rowsPerSecond: perSecond(carts.length, ms), ...queries }
}

/** Puts what each thousand events have changed, as a fold by hand would that has all rows in memory. */
async function measureChanges(rows: Rows, job: Job): Promise<Measures> {
  let ms = 0
  for (const changed of cartChanges(job)) {
    const start = performance.now()
    await rows.put(changed)
    ms += performance.now() - start
  }
  rows.close()
  return { rebuiltPerSecond: perSecond(job.largeEvents, ms) }
}

export const measureRawRows = async (job: Job): Promise<Measures> => ({
  ...(await measureRows(await openRaw('rows'), job)),
  ...(await measureChanges(await openRaw('changes'), job)),
})
export const measureDexieRows = async (job: Job): Promise<Measures> => ({
  ...(await measureRows(await openDexie('rows'), job)),
  ...(await measureChanges(await openDexie('changes'), job)),
})
