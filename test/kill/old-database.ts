// A database of format 1, as a released version has left it, in a browser that does not have it yet.
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright'
import { databaseName } from '../../src/protocol/worker.ts'
import { keyPaths } from '../../src/store/store.ts'

interface OldDatabase {
  readonly dump: Readonly<Record<keyof typeof keyPaths, readonly object[]>>
  readonly events: readonly { id: string; stream: string; version: number; position?: number }[]
}
const old: OldDatabase = JSON.parse(readFileSync('test/fixtures/format-1/database.json', 'utf8'))

/** Puts a database there as an older version has left it. */
export async function leaveOld(blank: Page, key: string): Promise<void> {
  await blank.evaluate(
    async ([name, paths, dump]) => {
      const opening = indexedDB.open(name, 1)
      opening.onupgradeneeded = () => {
        for (const [store, keyPath] of Object.entries(paths))
          opening.result.createObjectStore(store, { keyPath: keyPath as string | string[] })
      }
      const db = await new Promise<IDBDatabase>((resolve, reject) => {
        opening.onsuccess = () => resolve(opening.result)
        opening.onerror = () => reject(opening.error)
      })
      const filling = db.transaction(Object.keys(paths), 'readwrite', { durability: 'strict' })
      for (const [store, rows] of Object.entries(dump)) for (const row of rows) filling.objectStore(store).put(row)
      await new Promise<void>((resolve, reject) => {
        filling.oncomplete = () => resolve()
        filling.onabort = () => reject(filling.error)
      })
      db.close()
    },
    [databaseName('harbour', `:${encodeURIComponent(key)}`), keyPaths, old.dump] as const,
  )
}

/** How many events of the old database are not where they were. */
export function missingOld(found: readonly string[]): number {
  const there = new Set(found)
  const isThere = ({ id, stream, version, position }: OldDatabase['events'][number]): boolean =>
    there.has(JSON.stringify([id, stream, version, position ?? null]))
  return old.events.filter((event) => !isThere(event)).length
}
