import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { erasureContract } from '../../server/erasures.contract.ts'
import { segmentContract } from '../../server/segments.contract.ts'
import { storeContract } from '../../server/store.contract.ts'
import { startWorkerd, type Workerd } from './workerd.ts'

let workerd: Workerd
beforeAll(async () => {
  // The rules compare with Node's `assert`.
  workerd = await startWorkerd({ entry: 'edge-rules.fixture.ts', classes: ['RuleObject'], isNode: true })
})
afterAll(() => workerd?.remove())

describe('the store in a Durable Object', () => {
  for (const [nth, { rule }] of [...storeContract, ...segmentContract, ...erasureContract].entries())
    test(rule, async () => {
      const response = await fetch(`${workerd.url()}/${nth}`)
      expect([response.status, await response.text()]).toEqual([200, rule])
    })
})
