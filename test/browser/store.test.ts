// The rules of a store, kept by the browser's own IndexedDB.
import { afterAll, describe, expect, test } from 'vitest'
import { openIdbStore } from '../../src/store/idb-store.ts'
import { storeContract } from '../../src/store/store.contract.ts'

const made = new Set<string>()
afterAll(() => {
  for (const name of made) indexedDB.deleteDatabase(name)
})
const clock = {
  now: () => Date.now(),
  after: (ms: number, callback: () => void) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

describe('the IndexedDB store in a browser', () => {
  for (const { rule, check } of storeContract)
    test(rule, async () => {
      const prefix = crypto.randomUUID()
      await check((place) => {
        made.add(prefix + place)
        return openIdbStore({ name: prefix + place, newId: () => crypto.randomUUID(), clock })
      })
      expect((await indexedDB.databases()).some(({ name }) => name?.startsWith(prefix))).toBe(true)
    })
})
