import { createRxDatabase, type RxCollection, type RxDatabase, type RxJsonSchema } from 'rxdb'
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie'
import { type Versioned, withVersions } from './corpus.ts'
import { type Job, mustEqual } from './job.ts'
import type { Writer } from './writer.ts'

interface Document extends Omit<Versioned, 'tags'> {
  readonly id: string
  readonly tags: string[]
}
type Database = RxDatabase<{ events: RxCollection<Document> }>

const schema: RxJsonSchema<Document> = {
  version: 0,
  type: 'object',
  primaryKey: 'id',
  properties: {
    id: { type: 'string', maxLength: 32 },
    type: { type: 'string' },
    stream: { type: 'string', maxLength: 32 },
    version: { type: 'number', minimum: 1, maximum: 1e9, multipleOf: 1 },
    data: { type: 'object', additionalProperties: true },
    tags: { type: 'array', items: { type: 'string' } },
  },
  required: ['id', 'type', 'stream', 'version', 'data', 'tags'],
  indexes: [['stream', 'version']],
}

/**
 * RxDB's `bulkInsert` of the events of a commit, over its storage on Dexie: the one over IndexedDB itself is sold apart.
 * It checks no schema, since that is a plugin, and it tells no other tab.
 */
export function createRxdbWriter({ durability }: Pick<Job, 'durability'>): Writer {
  let db: Database
  return {
    open: async (name) => {
      const storage = getRxStorageDexie({ chromeTransactionDurability: durability })
      db = await createRxDatabase({ name, storage, multiInstance: false })
      await db.addCollections({ events: { schema } })
    },
    prepare: (commits) => {
      const documents = withVersions(commits).map((events, commit) =>
        events.map((event, at): Document => ({ ...event, tags: [...event.tags], id: `${commit}-${at}` })),
      )
      return async (at) => {
        const { error } = await db.events.bulkInsert(documents[at] ?? [])
        mustEqual('documents that were refused', error.length, 0)
      }
    },
    readAll: async () => (await db.events.find().exec()).length,
    close: () => db.close(),
  }
}
