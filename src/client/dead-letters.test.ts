import { expect, test } from 'vitest'
import type { MovedNotice } from '../protocol/notice.ts'
import type { WorkerApi } from '../protocol/worker.ts'
import { createDeadLetters } from './dead-letters.ts'
import { createFeed } from './feed.ts'

/** Letters of a log without any, and the notices that reach the page. */
function watch() {
  let asked = 0
  const api: Pick<WorkerApi, 'listDeadLetters'> = {
    listDeadLetters: async () => {
      asked += 1
      return []
    },
  }
  let hear = (_message: unknown): void => {}
  const feed = createFeed((_name, onMessage) => {
    hear = onMessage
    return { post: () => {}, close: () => {} }
  }, 'db')
  const head = { database: 'db', revision: 0, confirmed: 0 }
  const storage = { state: 'ok', durable: true } as const
  feed.opened({ ok: true, database: 'db', name: 'db', storage, sync: undefined, head, pending: 0 })
  createDeadLetters((use) => use(api as WorkerApi), feed, {})
  const moved: MovedNotice = {
    v: 1,
    kind: 'moved',
    database: 'db',
    previous: 0,
    head: 1,
    reordered: 0,
    confirmed: 0,
    pending: 0,
  }
  return (reordered: number): number => {
    hear({ ...moved, reordered })
    return asked
  }
}

test('appends cause no look for dead letters; any other write, and a notice that makes up for lost ones, causes one', () => {
  const asked = watch()
  expect([0, 0, 3, 3, -1, -1, 3].map(asked)).toEqual([1, 1, 2, 2, 3, 4, 5])
})
