import { afterAll, beforeAll, describe, test } from 'vitest'
import { erasureContract } from '../../server/erasures.contract.ts'
import { postgresStore } from '../../server/postgres.ts'
import { segmentContract } from '../../server/segments.contract.ts'
import { storeContract } from '../../server/store.contract.ts'
import { type Cluster, startCluster } from './cluster.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster?.remove())

describe('the PostgreSQL store', () => {
  for (const [nth, { rule, check }] of [...storeContract, ...segmentContract, ...erasureContract].entries())
    test(rule, () =>
      check(async (place) => postgresStore({ connectionString: cluster.url, schema: `rule ${nth} ${place}` })),
    )
})
