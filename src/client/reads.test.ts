import { expect, test } from 'vitest'
import type { ReadAnswer, ReadRequest, WorkerApi } from '../protocol/worker.ts'
import type { Call } from './connection.ts'
import { readLog } from './reads.ts'

const head = { database: 'db', revision: 1, confirmed: 9 }
const commits = [[{ id: 'c', contentId: 'c', time: 'now' }, 1]]
const eventAt = (position: number) => [position, position, 0, { type: 'T', stream: 's', data: position, v: 2 }]

/** A worker that gives three pages of three events, and tells which it was asked for. */
function pagesOfThree(pending = '[]') {
  const asked: (number | undefined)[] = []
  const read = async ({ cursor = 0, through }: ReadRequest): Promise<ReadAnswer> => {
    asked.push(through === undefined ? undefined : cursor)
    const events = JSON.stringify([commits, [1, 2, 3].map((nth) => eventAt(cursor + nth))])
    return { events, pending, cursor: cursor < 6 ? cursor + 3 : undefined, through: 9, head }
  }
  const call: Call = (use) => use({ read } as unknown as WorkerApi)
  const fail = () => {
    throw new Error('no such data')
  }
  const definitions = { T: { version: 2, upcast: { 1: fail } } } as unknown as Parameters<typeof readLog>[1]
  return { asked, readWith: (options: Parameters<typeof readLog>[2]) => readLog(call, definitions, options) }
}

test('a read asks for the next page while it gives the one before', async () => {
  const { asked, readWith } = pagesOfThree()
  const events = readWith({})[Symbol.asyncIterator]()
  await events.next()
  expect(asked).toEqual([undefined, 3])
  const rest: unknown[] = []
  for (let next = await events.next(); !next.done; next = await events.next()) rest.push(next.value.position)
  expect(rest).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
  expect(asked).toEqual([undefined, 3, 6])
})

test('a read with a limit asks for no page that it does not need', async () => {
  const { asked, readWith } = pagesOfThree()
  for (const [limit, pages] of [
    [0, 1],
    [3, 1],
    [4, 2],
    [9, 3],
  ] as const) {
    asked.length = 0
    expect((await readWith({ limit }).all()).events).toHaveLength(limit)
    expect(asked).toEqual([undefined, 3, 6].slice(0, pages))
  }
})

test('a pending event that can not be decoded is an error where it stands, and nothing to a read that ends before', async () => {
  const broken = { type: 'T', stream: 's', data: 0, id: 'p.0', commitId: 'p', version: 10, time: 'now' }
  const { readWith } = pagesOfThree(JSON.stringify([broken]))
  expect((await readWith({ limit: 9 }).all()).events).toHaveLength(9)
  const seen: unknown[] = []
  const reading = async () => {
    for await (const { position } of readWith({})) seen.push(position)
  }
  await expect(reading()).rejects.toMatchObject({ name: 'tidelog/data' })
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
})
