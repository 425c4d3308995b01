// What is kept beside a log is the same for whoever reads it, from whichever moment on.
import type { LogStore } from 'tidelog/server'
import { describe, expect, test } from 'vitest'
import { KeptLog, keptLogName } from './kept-log.ts'
import { keptParts, stage, storeKinds } from './stage.fixture.ts'

const wide = { commitsMax: 100_000, bytesMax: 100_000_000 }
const row = (chain: string, n: number, value: unknown = {}) => ({ chain, n, value })

describe.each(storeKinds)('over %s', (kind) => {
  const { store } = stage(kind)
  const open = (own: LogStore = store()) => new KeptLog({ ...keptParts, store: own })
  /** Enough for a snapshot, and for what stood before it to be blanked. */
  const keepMuch = async (kept: KeptLog) => {
    for (let n = 1; n <= 300; n++)
      await kept.keep({ put: [row('busy/', n, 'x'.repeat(100))], delete: [{ chain: 'busy/', from: 0, to: n - 1 }] })
  }

  test('a key can be added once, whoever was first, and nothing of the others is kept', async () => {
    const all = [open(), open(), open()]
    const added = await Promise.all(
      all.map((kept, by) => kept.keep({ add: [row('a/', 1, by)], put: [row('by/', by)] })),
    )
    expect(added.filter(Boolean)).toHaveLength(1)
    const rows = await Promise.all(all.map((kept) => kept.list('')))
    expect(rows[0]).toHaveLength(2)
    for (const one of rows) expect(one).toEqual(rows[0])
  })
  test('who read before others took rows away, and wrote all anew, has what they have', async () => {
    const [late, busy] = [open(), open()]
    await late.keep({ put: [row('gone/', 1), row('stays/', 1)] })
    await busy.keep({ delete: [{ chain: 'gone/', from: 0, to: 9 }] })
    await keepMuch(busy)
    const { commits } = await store().range(keptLogName('office'), 0, wide)
    expect(commits[0]?.text).toContain('"isErased":true')
    expect(await late.list('')).toEqual(await busy.list(''))
    expect((await open().list('')).map(({ chain, n }) => [chain, n])).toEqual([
      ['busy/', 300],
      ['stays/', 1],
    ])
    expect(await late.keep({ add: [row('stays/', 1)] })).toBe(false)
    expect(await late.keep({ add: [row('gone/', 1)] })).toBe(true)
    expect(await busy.list('gone/')).toHaveLength(1)
  })
  test('more rows than a commit has room for are written anew in parts', async () => {
    const kept = open()
    const large = 'x'.repeat(100_000)
    for (let n = 1; n <= 9; n++) await kept.keep({ put: [row('large/', n, large)] })
    await keepMuch(kept)
    const rows = await open().list('large/')
    expect(rows.map(({ n, value }) => [n, value === large])).toEqual(
      Array.from({ length: 9 }, (_, at) => [at + 1, true]),
    )
    const { commits } = await store().range(keptLogName('office'), 0, wide)
    expect(commits.filter(({ text }) => text.includes('large/')).length).toBeGreaterThan(1)
    expect(commits[0]?.text).toContain('"isErased":true')
  })
  test('what is too large for any store is refused, and what is behind it is kept', async () => {
    const kept = open()
    await expect(kept.keep({ put: [row('large/', 1, 'x'.repeat(1_000_000))] })).rejects.toMatchObject({
      code: 'tidelog/argument',
    })
    expect(await kept.keep({ put: [row('small/', 1)] })).toBe(true)
    expect(await open().list('')).toHaveLength(1)
  })
  test('content that is gone, or is none, is said to be damaged', async () => {
    await open().keep({ put: [row('a/', 1)] })
    for (const data of [null, { since: 0 }, { since: 1, changes: 7 }]) {
      const spoiled: LogStore = {
        ...store(),
        range: async (...args) => {
          const page = await store().range(...args)
          const events = [{ type: '$kept', stream: 'kept', data, ...(data === null && { isErased: true }) }]
          const spoil = (text: string) => JSON.stringify({ ...JSON.parse(text), events })
          return { ...page, commits: page.commits.map((commit) => ({ ...commit, text: spoil(commit.text) })) }
        },
      }
      await expect(open(spoiled).list('')).rejects.toMatchObject({ code: 'tidelog/storage-lost' })
    }
  })
})
