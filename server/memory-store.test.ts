import { describe, test } from 'vitest'
import { erasureContract } from './erasures.contract.ts'
import { memoryStore } from './memory-store.ts'
import { segmentContract } from './segments.contract.ts'
import { storeContract } from './store.contract.ts'

describe('the memory store', () => {
  // It has no disk: a store opened again is another one, so what is durable does not apply.
  for (const { rule, check } of [...storeContract, ...segmentContract, ...erasureContract].filter(
    ({ durable }) => durable !== true,
  ))
    test(rule, async () => {
      const store = memoryStore()
      await check(async () => store)
    })
})
