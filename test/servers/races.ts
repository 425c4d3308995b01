// What must hold of a log over any store, while several connections and processes write to it.
import { expect } from 'vitest'
import { bundle, run } from '../../server/process.fixture.ts'
import { nothing, sequence } from '../../server/sequence.ts'
import type { LogStore } from '../../server/store.ts'
import { append, commitsOf, log, wide } from './stores.ts'

/** Opens some stores over one place, and closes them when the work is done. */
export async function withStores(
  number: number,
  open: () => LogStore,
  work: (stores: readonly LogStore[]) => Promise<void>,
): Promise<void> {
  const stores = Array.from({ length: number }, open)
  try {
    await work(stores)
  } finally {
    await Promise.all(stores.map((store) => store.close()))
  }
}

/** That nothing of a log is missing, doubled or out of order, by the digests. Answers its ids. */
export async function mustBeWhole(store: LogStore, name = log): Promise<readonly string[]> {
  const { commits, head } = await store.range(name, 0, wide)
  const again = commits.map(({ id, contentId, text, first, last }) => ({
    id,
    contentId,
    eventsCount: last - first + 1,
    text,
  }))
  const ids = commits.map(({ id }) => id)
  expect(commits).toEqual(sequence(again, nothing))
  expect(head).toBe(commits.at(-1)?.last ?? 0)
  expect(new Set(ids).size).toBe(ids.length)
  return ids
}

/** Eight writers over two stores append two events each at one head: one of them has them taken. */
export async function raceAtHead(stores: readonly LogStore[], round: number): Promise<void> {
  const head = await stores[round % 2]!.head(log)
  const results = await Promise.all(
    [...'abcdefgh'].map((name, i) =>
      stores[i % 2]!.append(log, head.position, commitsOf(head, [`${name}${round}`], 2)),
    ),
  )
  expect(results.map(({ taken }) => taken).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 1])
  expect(new Set(results.map(({ head }) => head))).toEqual(new Set([head.position + 2]))
}

/** Three processes append runs of two to one log of the store that an address names; `reader` reads what became of it. */
export async function processesMustAgree(address: string, reader: LogStore): Promise<void> {
  const file = await bundle('../test/servers/writer.fixture.ts')
  const writers = ['w0', 'w1', 'w2'].map((name) => run(file, [address, name, '60']))
  const faults = await Promise.all(writers.map(({ ended, said }) => ended.then((code) => code || said())))
  expect(faults).toEqual(['', '', ''])
  const ids = await mustBeWhole(reader)
  expect(ids).toHaveLength(360)
  for (let i = 0; i < ids.length; i += 2) expect(ids[i + 1]).toBe(ids[i]!.replace(/a$/, 'b'))
}

/** Six writers over two stores append runs of three, and whoever reads meanwhile sees whole runs that follow one another. */
export async function readersMustSeeRuns(reader: LogStore, writers: readonly LogStore[]): Promise<void> {
  let isWriting = true
  const writing = Promise.all(
    [...'abcdef'].map(async (name, i) => {
      for (let run = 0; run < 40; run++)
        await append(writers[i % 2]!, `${name}${run}-1`, `${name}${run}-2`, `${name}${run}-3`)
    }),
  ).finally(() => {
    isWriting = false
  })
  for (let after = 0; isWriting; ) {
    const { commits, head } = await reader.range(log, after, wide)
    expect(commits.map(({ first }) => first)).toEqual(commits.map((_, i) => after + 1 + i))
    expect(head).toBe(commits.at(-1)?.last ?? after)
    expect(commits.length % 3).toBe(0)
    after = head
  }
  await writing
  expect(await mustBeWhole(reader)).toHaveLength(720)
}
