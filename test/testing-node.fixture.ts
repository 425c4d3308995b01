// A test file as an app would have it that uses nothing but Node: one of its tests fails, to be seen.

import { test } from 'node:test'
import { memoryStore } from 'tidelog/server'
import { storeContract as serverContract } from 'tidelog/server/testing'
import { createMemoryDatabase, given, type MemoryDatabase, storeContract } from 'tidelog/testing'
import { openMemoryStore } from '../src/store/memory-store.ts'
import { addItem } from './types/deciders.ts'
import { events } from './types/shop.ts'

const created = events.CartCreated({ cartId: '7' })
const item = { cartId: '7', itemId: '1', productId: 'p', price: 2 }
const added = events.ItemAdded(item)

test('a free cart takes an item', () => given(addItem, [created]).when(item).then([added]))

for (const { rule, check } of storeContract)
  test(`client: ${rule}`, () => {
    const places = new Map<string, MemoryDatabase>()
    return check(async (place) => {
      const database = places.get(place) ?? createMemoryDatabase(place)
      places.set(place, database)
      return openMemoryStore(database)
    })
  })
for (const { rule, durable, check } of serverContract)
  if (!durable)
    test(`server: ${rule}`, () => {
      const store = memoryStore()
      return check(async () => store)
    })

test('a full cart refuses', () =>
  given(addItem, [created, added, added, added]).when(item).thenRefused('CartFull', { max: 4 }))
