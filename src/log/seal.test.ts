import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Commit } from '../core/commit.ts'
import type { Marker } from '../core/outcome.ts'
import { prune } from './checkpoint.ts'
import { takePage } from './confirm.ts'
import { deciders } from './deciders.fixture.ts'
import { Device, historiesOf, type Step, summaryOf } from './histories.fixture.ts'
import {
  callOf,
  commitOf,
  createBrowser,
  largeCall,
  openTab,
  placedIn,
  quiet,
  readWhole,
  rowsOf,
  Sequence,
  type Tab,
} from './log.fixture.ts'
import { rebase } from './rebase.ts'
import { seal } from './seal.ts'

const histories = historiesOf(
  'append',
  'append',
  'execute',
  'pull',
  'pull',
  'pull',
  'rebase',
  'reject',
  'withdraw',
  'seal',
  'seal',
)
const isSeal = ({ kind }: Step): boolean => kind === 'seal'

const reads = [
  {},
  { direction: 'backwards' },
  { stream: 's' },
  { stream: 't', direction: 'backwards' },
  { stream: 's', fromVersion: 2 },
  { stream: 's', fromVersion: 1, toVersion: 2, direction: 'backwards' },
  { query: { tags: { on: 't' } } },
  { query: { types: ['T2'], tags: { on: 's' } } },
  { fromPosition: 2, toPosition: 5 },
] as const

/** All that reads give, page by page, and what is newer than markers. */
async function readAll({ reader }: Tab, markers: readonly Marker[] = []): Promise<unknown> {
  const heads = await reader.heads(['s', 't', 'u', 'v'])
  const pages = await Promise.all(
    [
      ...[...reads, ...markers.map((after) => ({ after }))].map((options) => ({ ...options, limit: 3 })),
      {},
      { fromPosition: 2, toPosition: 5 },
    ].map((options) => readWhole(reader, options)),
  )
  return [
    heads.streams,
    pages,
    await Promise.all([['T1'], ['T0', 'T1', 'T2', 'T3']].map((types) => changesOf(reader, types))),
  ]
}

/** Ids of the confirmed events that a view of some types folds. */
async function changesOf(reader: Tab['reader'], types: readonly string[]): Promise<readonly string[]> {
  const ids: string[] = []
  for (let position = 0; ; ) {
    const answer = await reader.changes({ scope: {}, types, position, revision: 0 })
    ids.push(...placedIn(answer.confirmed).map(({ id }) => id))
    position = answer.position
    if (!answer.more) return ids
  }
}

describe('sealing', () => {
  test('changes nothing that anybody reads', { timeout: 60_000 }, async () => {
    let sealed = 0
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        const [packed, plain] = [
          await openTab(createBrowser(), { deciders }),
          await openTab(createBrowser(), { deciders }),
        ]
        const [one, other] = [new Device(packed), new Device(plain)]
        const markers: (readonly [Marker, Marker])[] = []
        for (const step of steps) {
          markers.push([packed.engine.view.marker, plain.engine.view.marker])
          await one.take(step)
          if (!isSeal(step)) await other.take(step)
          const [ofPacked, ofPlain] = [0, 1].map((at) => markers.map((pair) => pair[at] as Marker))
          expect(await readAll(packed, ofPacked)).toEqual(await readAll(plain, ofPlain))
        }
        sealed += packed.engine.view.sealed.segments.length
      }),
      { numRuns: Number(process.env.TIDELOG_RUNS ?? 100) },
    )
    expect(sealed).toBeGreaterThan(0)
  })

  test('leaves the same view with whoever heard of it, missed it, or opens the log later', async () => {
    await fc.assert(
      fc.asyncProperty(histories, fc.nat(4), async (steps, lose) => {
        const browser = createBrowser()
        let said = 0
        const hearing = await openTab(browser, { deciders })
        const tab = await openTab(browser, { deciders })
        const device = new Device(tab)
        browser.channels.isLost = () => lose > 0 && ++said % (lose + 1) === 0
        for (const [at, step] of steps.entries()) {
          await device.take(step)
          // What it looked up before it missed something must not be taken for true afterwards.
          if (at % 4 === 3) await readAll(hearing)
        }
        await quiet()
        browser.channels.isLost = () => true
        await prune(tab.engine.store, 0)
        const late = await openTab(browser, { deciders })
        for (const one of [hearing, late]) {
          await one.engine.catchUp()
          expect(await readAll(one)).toEqual(await readAll(tab))
        }
        const floor = late.engine.view.floor
        for (const one of [hearing, tab]) one.engine.view.floor = floor
        const expected = await summaryOf(tab.engine.view)
        expect(await summaryOf(hearing.engine.view)).toEqual(expected)
        expect(await summaryOf(late.engine.view)).toEqual(expected)
      }),
      { numRuns: Number(process.env.TIDELOG_RUNS ?? 100) },
    )
  }, 60_000)

  test('into many segments is read from either end by one that opens them', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser)
    const log = new Sequence()
    for (let nth = 0; nth < 5; nth++) {
      await takePage(tab.engine, log.add(commitOf(`c${nth}`, ['s1', 't1', 's2'])))
      expect(await seal(tab.engine, { from: 1, max: 2, smallMax: 9, keptRows: 0 })).toBe(true)
    }
    expect(tab.engine.view.sealed.segments.map(({ isSpread }) => isSpread)).toEqual([true, true, true, true, true])
    for (const direction of ['backwards', 'forwards'] as const) {
      const { reader } = await openTab(browser)
      const { events } = await reader.read({ options: { query: { tags: { on: 's' } }, direction } })
      const versions = placedIn(events).map(({ version }) => version)
      const rising = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
      expect(versions).toEqual(direction === 'forwards' ? rising : rising.toReversed())
    }
  })

  test('again of small segments keeps versions, positions and what a stream had before', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    const options = { from: 3, max: 40, smallMax: 2, keptRows: 0 }
    const read = () => readWhole(tab.reader, {})
    for (let nth = 0; nth < 12; nth++) {
      await takePage(tab.engine, log.add(commitOf(`c${nth}`, ['s1', 't1', 's2'])))
      const before = await read()
      expect(await seal(tab.engine, options)).toBe(true)
      expect(await read()).toEqual(before)
    }
    expect(tab.engine.view.sealed.segments.length).toBeLessThan(6)
  })

  test('unheard of leaves no count as it was', async () => {
    const browser = createBrowser()
    const [tab, deaf] = [await openTab(browser), await openTab(browser)]
    browser.channels.isLost = () => true
    const log = new Sequence()
    for (const ids of [['a'], ['b', 'c'], ['d', 'e', 'f']]) {
      for (const id of ids) {
        await takePage(tab.engine, log.add(commitOf(id, ['s1', 's2'])))
        await seal(tab.engine, { from: 2, max: 4, smallMax: 9, keptRows: 0 })
      }
      expect((await deaf.reader.heads(['s'])).streams).toEqual((await tab.reader.heads(['s'])).streams)
    }
  })

  test('while a view is being opened makes it begin again', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser)
    const log = new Sequence()
    const pull = (id: string) => takePage(tab.engine, log.add(commitOf(id, ['s1', 't1'])))
    const tiny = { from: 1, max: 4, smallMax: 9, keptRows: 0 }
    for (const id of ['a', 'b', 'c']) await pull(id)
    await seal(tab.engine, tiny)
    let isMean = true
    const late = await openTab(browser, {
      wrap: (store) => ({
        ...store,
        run: async (requests, options) => {
          const isOfTail = requests.some((request) => request.op === 'range' && request.store === 'log')
          if (isOfTail && isMean) {
            isMean = false
            await seal(tab.engine, tiny)
          }
          return store.run(requests, options)
        },
      }),
    })
    expect(isMean).toBe(false)
    expect(late.engine.view.sealed.segments).toEqual(tab.engine.view.sealed.segments)
    expect(await readAll(late)).toEqual(await readAll(tab))
  })

  test('that goes on while a page is read gives every event once', async () => {
    const browser = createBrowser()
    const log = new Sequence()
    let onRead = async (): Promise<void> => {}
    const tab = await openTab(browser, {
      wrap: (store) => ({
        ...store,
        run: async (requests, options) => {
          const rows = await store.run(requests, options)
          if (options?.write !== true) await onRead()
          return rows
        },
      }),
    })
    const tiny = { from: 1, max: 4, smallMax: 2, keptRows: 0 }
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await takePage(tab.engine, log.add(commitOf(id, ['s1', 't1'])))
    const positions = async (): Promise<unknown> => (await readWhole(tab.reader, {})).map(({ position }) => position)
    for (let reads = 0; reads < 4; reads++) {
      let isSealing = false
      onRead = async () => {
        if (isSealing) return
        isSealing = true
        await seal(tab.engine, tiny)
      }
      expect(await positions()).toEqual(Array.from({ length: 12 }, (_, at) => at + 1))
    }
    expect(tab.engine.view.sealed.segments.length).toBeGreaterThan(0)
  })

  test('waits while a pending commit has to be decided again', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('own', ['s1'], { failIfEventsMatch: { tags: { on: 't' } } }))
    const log = new Sequence()
    await takePage(tab.engine, log.add(commitOf('a', ['t1'])))
    const tiny = { from: 1, max: 4, smallMax: 2, keptRows: 0 }
    expect(await seal(tab.engine, tiny)).toBe(false)
    await rebase(tab.engine)
    expect(await seal(tab.engine, tiny)).toBe(true)
  })
})

test('large rows give way in a synced log when what they brought is sealed, and a tab that is behind goes on', async () => {
  const browser = createBrowser()
  const [tab, behind] = [await openTab(browser), await openTab(browser)]
  browser.channels.isLost = () => true
  const log = new Sequence()
  for (const id of ['a', 'b', 'waits']) await tab.append(largeCall(id, 5_000))
  await tab.append(largeCall('small', 10))
  const own = [...tab.engine.view.pending.list()].map(({ commit }) => commit)
  const [a, b, waits, small] = own as [Commit, Commit, Commit, Commit]
  await takePage(tab.engine, log.add(a, b, small, commitOf('foreign', ['t1'])))
  const options = { from: 1, max: 100, smallMax: 3, keptRows: 0 }
  expect(await seal(tab.engine, options)).toBe(true)
  const kinds = async () => (await rowsOf(tab)).map(({ kind }) => kind)
  expect(await kinds()).toEqual(['stub', 'stub', 'append', 'append', 'pull', 'seal'])
  for (const one of [behind, await openTab(browser)]) {
    await one.engine.catchUp()
    expect(one.engine.view.marker).toEqual(tab.engine.view.marker)
    expect([...one.engine.view.pending.list()].map(({ commit }) => commit)).toEqual([waits])
    expect(await readAll(one)).toEqual(await readAll(tab))
  }
  await takePage(behind.engine, log.add(waits))
  expect(await seal(behind.engine, options)).toBe(true)
  expect(await kinds()).toEqual(['stub', 'stub', 'stub', 'append', 'pull', 'seal', 'pull', 'seal'])
})
