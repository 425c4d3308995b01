import { expect, test } from 'vitest'
import { takePage } from './confirm.ts'
import { commitOf, createBrowser, openTab, readWhole, Sequence } from './log.fixture.ts'
import { seal } from './seal.ts'

test('segments of few and of many parts, in any order, are read whole from either end, and so are their streams', async () => {
  const tab = await openTab(createBrowser())
  const log = new Sequence()
  // 100 events make a part: some of these have one, some have more than are read together.
  const sizes = [3_000, 100, 200, 2_600, 2_500, 100, 6_000, 300, 5_000]
  for (const [nth, size] of sizes.entries()) {
    const shorts = Array.from({ length: size }, (_, at) => `${'stuv'[at % 4]}${at % 2}`)
    await takePage(tab.engine, log.add(commitOf(`c${nth}`, shorts)))
    expect(await seal(tab.engine, { from: 1, max: 2, smallMax: 9, keptRows: 0 })).toBe(true)
  }
  const { segments } = tab.engine.view.sealed
  expect(segments.map(({ parts }) => parts)).toEqual(sizes.map((size) => Math.ceil(size / 100)))
  const count = sizes.reduce((sum, size) => sum + size, 0)
  const rising = Array.from({ length: count }, (_, at) => at + 1)
  const positionsOf = async (options: Parameters<typeof readWhole>[1]) =>
    (await readWhole(tab.reader, options)).map(({ position }) => position)
  expect(await positionsOf({})).toEqual(rising)
  expect(await positionsOf({ direction: 'backwards' })).toEqual(rising.toReversed())
  expect(await positionsOf({ fromPosition: 2_990, toPosition: 6_000 })).toEqual(rising.slice(2_989, 6_000))
  expect(await positionsOf({ query: { types: ['T0', 'T1'] } })).toEqual(rising)
  for (const stream of ['s', 't', 'u', 'v']) {
    const events = await readWhole(tab.reader, { stream })
    expect(events.map(({ version }) => version)).toEqual(Array.from({ length: count / 4 }, (_, at) => at + 1))
  }
})

test('what a damaged part held is storage that is lost, and all else is read as before', async () => {
  const browser = createBrowser()
  const tab = await openTab(browser)
  const log = new Sequence()
  const shorts = Array.from({ length: 6_000 }, (_, at) => `${'abc'[at % 3]}1`)
  await takePage(tab.engine, log.add(commitOf('c', shorts)))
  await seal(tab.engine, { from: 1, max: 2, smallMax: 9, keptRows: 0 })
  const { store } = tab.engine
  const [rows] = await store.run([{ op: 'range', store: 'log', from: 0, to: 6_000 }])
  const parts = rows.filter((row) => 'part' in row)
  // Far enough apart not to be read together.
  const damaged = [parts[0], parts[17]].flatMap((row) =>
    row === undefined ? [] : [{ ...row, part: row.part.with(40, (row.part[40] ?? 0) ^ 1) }],
  )
  expect(damaged).toHaveLength(2)
  await store.run(
    damaged.map((row) => ({ op: 'put', store: 'log', row }) as const),
    { write: true },
  )
  const { reader } = await openTab(browser)
  for (const options of [{ stream: 'a' }, {}])
    await expect(readWhole(reader, options)).rejects.toMatchObject({ name: 'tidelog/storage-lost' })
  expect(await readWhole(reader, { stream: 'c' })).toHaveLength(2_000)
})
