import { afterAll, beforeAll, describe, test } from 'vitest'
import { erasureContract } from '../../server/erasures.contract.ts'
import { natsStore } from '../../server/nats.ts'
import { segmentContract } from '../../server/segments.contract.ts'
import { storeContract } from '../../server/store.contract.ts'
import { type NatsCluster, startNats } from './nats-cluster.ts'

let cluster: NatsCluster
beforeAll(async () => {
  cluster = await startNats()
})
afterAll(() => cluster?.remove())

describe('the NATS store', () => {
  // Two streams, so that logs share them.
  for (const [nth, { rule, check }] of [...storeContract, ...segmentContract, ...erasureContract].entries())
    test(rule, () =>
      check(async (place) => natsStore({ servers: cluster.servers, prefix: `rule${nth}-${place}`, streams: 2 })),
    )
})
