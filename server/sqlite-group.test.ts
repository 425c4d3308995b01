import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { toSequenced } from './judge.fixture.ts'
import type { Append, Appended } from './sql-commits.ts'
import { createAppendGroup } from './sqlite-group.ts'
import { sqliteStore } from './sqlite-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidelog-group-'))
afterAll(() => rmSync(folder, { recursive: true }))

const asked = (log: string): Append => ({ log, expectedHead: 0, commits: toSequenced([{ id: log }]) })
const taken = { taken: 1, head: 1 }

/** Writes that are counted; logs named `bad` can't be written. */
function counted() {
  const transactions: string[][] = []
  const write = (appends: readonly Append[]): readonly Appended[] => {
    if (appends.some(({ log }) => log === 'bad')) throw new Error('disk')
    transactions.push(appends.map(({ log }) => log))
    return appends.map(() => taken)
  }
  const one = (append: Append): Appended => write([append])[0]!
  const group = createAppendGroup({ append: one, appendAll: write } as Parameters<typeof createAppendGroup>[0])
  return { group, transactions }
}

describe('appends of one turn', () => {
  test('are one transaction, and those of the next turn another', async () => {
    const { group, transactions } = counted()
    const first = ['a', 'b', 'c'].map((log) => group.append(asked(log)))
    expect(await Promise.all(first)).toEqual([taken, taken, taken])
    await group.append(asked('d'))
    expect(transactions).toEqual([['a', 'b', 'c'], ['d']])
  })
  test('are written alone when one of them can not be written, and it alone fails', async () => {
    const { group, transactions } = counted()
    const all = await Promise.allSettled(['a', 'bad', 'c'].map((log) => group.append(asked(log))))
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(transactions).toEqual([['a'], ['c']])
  })
  test('are each compared with the end that their log has by then', async () => {
    const store = sqliteStore(join(folder, 'ends.db'))
    const logs = Array.from({ length: 20 }, (_, nth) => `log ${nth}`)
    const both = logs.flatMap((log) => [
      store.append(log, 0, asked(log).commits),
      store.append(log, 0, asked(log).commits),
    ])
    const bad = store.append('gap', 0, toSequenced([{ id: 'a' }, { id: 'b' }]).slice(1))
    await expect(bad).rejects.toThrow("can't follow")
    expect((await Promise.all(both)).map(({ taken }) => taken)).toEqual(logs.flatMap(() => [1, 0]))
    for (const log of logs) expect((await store.head(log)).position).toBe(1)
    await store.close()
  })
  test('are written before a store closes', async () => {
    const path = join(folder, 'closed.db')
    const store = sqliteStore(path)
    const appended = store.append('cart', 0, asked('cart').commits)
    await store.close()
    expect(await appended).toEqual(taken)
    const again = sqliteStore(path)
    expect((await again.head('cart')).position).toBe(1)
    await again.close()
  })
})
