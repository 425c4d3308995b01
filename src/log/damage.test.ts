// What fuzzing has found of rows that are damaged or gone, and of notices that say what is not so.
import { expect, test } from 'vitest'
import { decodeText } from '../core/decode.ts'
import { hashText } from '../core/digest.ts'
import { noticeVersion } from '../protocol/notice.ts'
import { checkpointChain } from '../protocol/rows.ts'
import { Directory } from '../segments/directory.ts'
import { loadRetry } from '../sync/retry-store.ts'
import { prune } from './checkpoint.ts'
import { takePage } from './confirm.ts'
import { callOf, commitOf, createBrowser, openTab, quiet, readWhole, Sequence, type Tab } from './log.fixture.ts'
import { seal } from './seal.ts'

const sealing = { from: 1, max: 100, smallMax: 100, keptRows: 0, heldTextMin: 0 }
const damage = { name: 'tidelog/storage-lost' }

async function localTab(): Promise<{ readonly browser: ReturnType<typeof createBrowser>; readonly tab: Tab }> {
  const browser = createBrowser()
  const tab = await openTab(browser, { synced: false })
  for (const id of ['a', 'b', 'c']) await tab.append(callOf(id, ['s1']))
  return { browser, tab }
}

test('a directory whose lines have no end is refused, and not looked through for ever', () => {
  for (const text of ['\n', 'a\t\t0\n', '\na\t\t0']) {
    const isSound = text === '\n'
    if (isSound) expect(new Directory(text).find('a', 1)).toBeUndefined()
    else expect(() => new Directory(text)).toThrow('damaged')
  }
})

test('a directory that names a part which is not there is damaged', () => {
  expect(() => new Directory('\na\t\t3\n').find('a', 2)).toThrow('damaged')
  expect(() => new Directory('\na\t\t?\n').find('a', 2)).toThrow('damaged')
})

test('a part that is gone ends a read, which is not tried for ever', async () => {
  const { browser, tab } = await localTab()
  await seal(tab.engine, sealing)
  const [rows] = await tab.engine.store.run([{ op: 'range', store: 'log' }])
  const part = rows.find((row) => 'part' in row)?.last ?? 0
  await tab.engine.store.run([{ op: 'delete', store: 'log', from: part, to: part }], { write: true })
  const next = await openTab(browser, { synced: false })
  await expect(next.reader.read({ options: {} })).rejects.toMatchObject(damage)
})

test('a row of the tail that is gone ends an open, which does not wait for it', async () => {
  const { browser, tab } = await localTab()
  await seal(tab.engine, sealing)
  await tab.append(callOf('d', ['s1']))
  await tab.append(callOf('e', ['s1']))
  await seal(tab.engine, { ...sealing, from: 100 })
  const [row] = await tab.engine.store.run([{ op: 'get', store: 'state', key: ['checkpoint', 0] }])
  const checkpoint = JSON.parse(String(row?.checkpoint))
  // It speaks of more than there is.
  checkpoint.head.position += 1
  const text = JSON.stringify(checkpoint)
  const changed = { ...row, chain: 'checkpoint', n: 0, format: 1, checkpoint: text, hash: hashText(text) } as const
  await tab.engine.store.run([{ op: 'put', store: 'state', row: changed }], { write: true })
  await expect(openTab(browser, { synced: false })).rejects.toMatchObject(damage)
})

test.each([['not JSON'], ['{}'], ['[{"id":1}]']])(
  'a write whose commits are %s says that it is damaged',
  async (text) => {
    const { browser, tab } = await localTab()
    const [row] = await tab.engine.store.run([{ op: 'get', store: 'writes', key: 2 }])
    if (row?.kind !== 'append') throw new Error('the second write is no append')
    await tab.engine.store.run([{ op: 'put', store: 'writes', row: { ...row, commits: text } }], { write: true })
    await expect(openTab(browser, { synced: false })).rejects.toMatchObject(damage)
  },
)

test('confirmed commits that are no text end an open, which does not read on for ever', async () => {
  const browser = createBrowser()
  const { engine } = await openTab(browser)
  const server = new Sequence()
  for (const id of ['a', 'b']) await takePage(engine, server.add(commitOf(id, ['s1'])))
  const [rows] = await engine.store.run([{ op: 'range', store: 'log' }])
  const damaged = { ...rows[1], first: 1.5, commits: 0 } as never
  await engine.store.run([{ op: 'put', store: 'log', row: damaged }], { write: true })
  let reads = 0
  const opening = openTab(browser, {
    wrap: (store) => ({
      ...store,
      run: async (requests, options) => {
        if (++reads > 100) throw new Error('it reads on')
        return store.run(requests, options)
      },
    }),
  })
  await expect(opening).rejects.toMatchObject(damage)
  expect(reads).toBeLessThan(100)
})

test.each([
  ['can not be read', { commits: 'not JSON' }],
  ['brings more than it says', { commits: JSON.stringify([commitOf('x', ['s1']), commitOf('y', ['s2'])]) }],
  ['is of another place', { revision: 7 }],
])('a notice whose row %s is read from disk', async (_what, change) => {
  const browser = createBrowser()
  const [writer, hearer] = [await openTab(browser), await openTab(browser)]
  browser.channels.isLost = () => true
  await writer.append(callOf('a', ['s1']))
  const [row] = await writer.engine.store.run([{ op: 'get', store: 'writes', key: 1 }])
  const counts = { previous: 0, head: 1, reordered: 0, confirmed: 0, pending: 1 }
  const notice = { v: noticeVersion, kind: 'moved', database: 'db', ...counts, row: { ...row, ...change } } as const
  hearer.engine.hear(notice as never)
  await quiet()
  expect(hearer.engine.view.revision).toBe(1)
  expect((await readWhole(hearer.reader, {})).map(({ commitId }) => commitId)).toEqual(['a'])
})

test('a page that another tab has pulled is taken from its notice, without a look at the disk', async () => {
  const browser = createBrowser()
  let reads = 0
  const writer = await openTab(browser)
  const hearer = await openTab(browser, {
    wrap: (store) => ({
      ...store,
      run: (requests, options) => {
        reads++
        return store.run(requests, options)
      },
    }),
  })
  reads = 0
  await takePage(writer.engine, new Sequence().add(commitOf('a', ['s1'])))
  await quiet()
  expect([hearer.engine.view.revision, reads]).toEqual([1, 0])
})

test.each([['{'], ['[[],[null]]'], ['[[],[[1,1,0,{}]]]'], ['[[[{},1]],[[1,1,0,null]]]']])(
  'a page of events that is %s is damaged',
  (text) => {
    expect(() => decodeText({}, text)).toThrow('damaged')
  },
)

test('what sync remembers is forgotten where it is damaged', async () => {
  const { engine } = await openTab(createBrowser())
  for (const retry of [null, 7, {}, { link: {}, holdUntil: 0 }]) {
    const row = { chain: 'sync', n: 0, format: 1, retry } as const
    await engine.store.run([{ op: 'put', store: 'state', row }], { write: true })
    expect(await loadRetry(engine)).toBeUndefined()
  }
})

test('a checkpoint that lies where no write is prunes nothing', async () => {
  const { tab } = await localTab()
  const { store } = tab.engine
  await seal(tab.engine, sealing)
  const writes = async () => (await store.run([{ op: 'range', store: 'writes' }]))[0]
  const before = await writes()
  const [row] = await store.run([{ op: 'get', store: 'state', key: [checkpointChain, 0] }])
  const checkpoint = JSON.parse(String(row?.checkpoint))
  const put = (changed: object) => {
    const text = JSON.stringify({ ...checkpoint, ...changed })
    const put = { op: 'put', store: 'state', row: { ...row!, checkpoint: text, hash: hashText(text) } } as const
    return store.run([put], { write: true })
  }
  await put({ tailFrom: 900, view: { ...checkpoint.view, revision: 1_000 } })
  await prune(store, 0)
  expect(await writes()).toEqual(before)
  await put({})
  await prune(store, 0)
  expect((await writes()).length).toBeLessThan(before.length)
})

test('a checkpoint that is well-formed and not what was written is refused, and prunes nothing', async () => {
  const { browser, tab } = await localTab()
  const { store } = tab.engine
  // Of three commits one stays behind what is packed.
  await seal(tab.engine, { ...sealing, max: 1 })
  await tab.append(callOf('d', ['s1']))
  const [row] = await store.run([{ op: 'get', store: 'state', key: [checkpointChain, 0] }])
  const checkpoint = JSON.parse(String(row?.checkpoint))
  const text = JSON.stringify({ ...checkpoint, tailFrom: checkpoint.tailFrom + 1 })
  const [before] = await store.run([{ op: 'range', store: 'writes' }])
  await store.run([{ op: 'put', store: 'state', row: { ...row!, checkpoint: text } }], { write: true })
  await expect(prune(store, 0)).rejects.toMatchObject(damage)
  expect((await store.run([{ op: 'range', store: 'writes' }]))[0]).toEqual(before)
  await expect(openTab(browser, { synced: false })).rejects.toMatchObject(damage)
})

test('a checkpoint that an older version has written is believed', async () => {
  const { browser, tab } = await localTab()
  await seal(tab.engine, sealing)
  const [row] = await tab.engine.store.run([{ op: 'get', store: 'state', key: [checkpointChain, 0] }])
  const { hash, ...older } = row!
  expect(hash).toMatch(/^[0-9a-f]{16}$/)
  await tab.engine.store.run([{ op: 'put', store: 'state', row: older }], { write: true })
  const next = await openTab(browser, { synced: false })
  expect((await readWhole(next.reader, {})).map(({ commitId }) => commitId)).toEqual(['a', 'b', 'c'])
})
