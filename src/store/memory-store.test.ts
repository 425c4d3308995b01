import { describe, expect, test } from 'vitest'
import { createMemoryDatabase, type MemoryDatabase, openMemoryStore } from './memory-store.ts'
import { storeContract } from './store.contract.ts'

describe('the memory store', () => {
  for (const { rule, check } of storeContract)
    test(rule, async () => {
      const places = new Map<string, MemoryDatabase>()
      await check(async (place) => {
        const database = places.get(place) ?? createMemoryDatabase(place)
        places.set(place, database)
        return openMemoryStore(database)
      })
      expect(places.size).toBeGreaterThan(0)
    })

  test('is durable only where it is told so', () => {
    const database = createMemoryDatabase('one')
    expect(openMemoryStore(database).durable).toBe(false)
    expect(openMemoryStore(database, { durable: true }).durable).toBe(true)
  })
})
