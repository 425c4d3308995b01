import { expect, test } from 'vitest'
import type { Channel } from '../core/ports.ts'
import { createFeed } from './feed.ts'

const openedAt = (revision: number, database = 'd') =>
  ({
    ok: true,
    name: 'db',
    database,
    storage: { state: 'ok', durable: true },
    sync: undefined,
    head: { database, revision, confirmed: revision },
    pending: 0,
  }) as const
function hear() {
  let tell: (message: unknown) => void = () => {}
  const feed = createFeed((_name, onMessage): Channel => {
    tell = onMessage
    return { post: () => {}, close: () => {} }
  }, 'tidelog/shop')
  const moved = (head: number, more: object = {}) =>
    tell({ v: 1, kind: 'moved', database: 'd', previous: 0, head, confirmed: head, pending: 0, ...more })
  return { feed, moved, tell: (message: unknown) => tell(message) }
}

test('a worker that says where it opened the log does not take back what it has told since', () => {
  const { feed, moved } = hear()
  moved(5)
  feed.opened(openedAt(3))
  expect(feed).toMatchObject({ revision: 5, confirmed: 5 })
  feed.opened(openedAt(7))
  expect(feed).toMatchObject({ revision: 7, confirmed: 7 })
})

test('a notice that comes late does not take back what a later one told, and still is a move', () => {
  const { feed, moved } = hear()
  feed.opened(openedAt(2))
  let moves = 0
  feed.onMoved(() => moves++ > 9)
  moved(4, { confirmed: 4, pending: 0 })
  moved(3, { confirmed: 2, pending: 1 })
  expect([feed, moves]).toMatchObject([{ revision: 4, confirmed: 4, pending: 0 }, 2])
})

test('a worker that opened another database counts anew, with what it has told already', () => {
  const { feed, moved, tell } = hear()
  moved(5)
  feed.opened(openedAt(1, 'other'))
  expect(feed).toMatchObject({ revision: 1, confirmed: 1 })
  moved(3, { database: 'new' })
  tell({ v: 1, kind: 'sync', database: 'new', link: { ...feed.link, state: 'live' } })
  moved(7)
  expect(feed).toMatchObject({ revision: 1, confirmed: 1, link: { state: 'starting' } })
  feed.opened(openedAt(2, 'new'))
  expect(feed).toMatchObject({ revision: 3, confirmed: 3, link: { state: 'live' } })
})

test('what tabs with another database say is not heard once the log is open', () => {
  const { feed, moved, tell } = hear()
  feed.opened(openedAt(2))
  moved(9, { database: 'other' })
  tell({ v: 1, kind: 'sync', database: 'other', link: { ...feed.link, state: 'diverged' } })
  expect(feed).toMatchObject({ revision: 2, link: { state: 'starting' } })
  moved(3)
  expect(feed.revision).toBe(3)
})

test('the end of a log is told: it goes on elsewhere, or the user has signed out', () => {
  const { feed, moved, tell } = hear()
  const ends: string[] = []
  feed.opened(openedAt(0))
  feed.onEnd = (state) => ends.push(state)
  moved(1, { row: { kind: 'append' } })
  moved(2, { row: { kind: 'moved', to: 'elsewhere' } })
  moved(3, { row: { kind: 'moved', to: '' } })
  tell({ v: 1, kind: 'leave', database: 'd' })
  expect(ends).toEqual(['moved', 'signed-out', 'signed-out'])
})
