import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { takeRows } from './catch-up.ts'
import { Device, histories, historiesWithCommands, play, summaryOf } from './histories.fixture.ts'
import { callOf, commitOf, createBrowser, newView, openTab, pendingIds, quiet, rowsOf } from './log.fixture.ts'
import type { View } from './view.ts'

describe('a view', () => {
  test('is the same whichever way its rows came: written, heard, missed, one by one, or from disk', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(histories, historiesWithCommands), fc.nat(6), async (steps, lose) => {
        const browser = createBrowser()
        let said = 0
        const hearing = await openTab(browser)
        browser.channels.isLost = () => lose > 0 && ++said % (lose + 1) === 0
        const { tab } = await play(browser, steps)
        await quiet()
        await hearing.engine.catchUp()
        const expected = await summaryOf(tab.engine.view)
        expect(await summaryOf(hearing.engine.view)).toEqual(expected)
        expect(await summaryOf((await openTab(browser)).engine.view)).toEqual(expected)
        const slow = newView()
        const [records] = await tab.engine.store.run([{ op: 'range', store: 'log' }])
        for (const row of await rowsOf(tab))
          takeRows(
            slow,
            [row],
            records.filter((one) => 'commits' in one),
          )
        for (const id of slow.dead) if (!tab.engine.view.dead.has(id)) slow.dead.delete(id)
        expect(await summaryOf(slow)).toEqual(expected)
      }),
      { numRuns: 120 },
    )
  })

  test('holds what the rules of the rebase leave, in the order of the device', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        const { tab, device } = await play(createBrowser(), [...steps, { kind: 'rebase', picks: [] }])
        const { oracle } = device
        expect(pendingIds(tab)).toEqual(oracle.queue.map(({ commit }) => commit.id))
        expect([...tab.engine.view.dead].sort()).toEqual([...oracle.dead].sort())
        const { view } = tab.engine
        for (const id of oracle.confirmed) expect(view.confirmed.positionOf(id)).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
  })

  test('says of each pending commit at each step whether it can stand', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        const tab = await openTab(createBrowser())
        const device = new Device(tab)
        for (const one of steps) {
          await device.take(one)
          const { view } = tab.engine
          const touched = [...view.pending.list()].map((item) => view.pending.touched.has(item))
          expect(touched).toEqual(device.oracle.queue.map((item) => item.touched))
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('a row', () => {
  test('of a newer app makes the view read-only, and nothing behind it is taken', () => {
    const view = newView()
    const append = { kind: 'append', format: 1, commits: JSON.stringify([commitOf('a', ['s1'])]) } as const
    expect(view.take({ ...append, revision: 1 })).toBe(true)
    const newer = { kind: 'attach', revision: 2, format: 1, stream: 's' } as unknown as Parameters<View['take']>[0]
    expect(view.take(newer)).toBe(false)
    expect(view.needsNewerApp).toBe(true)
    expect(view.revision).toBe(1)
  })

  test('that is known is not taken again, and one behind a gap is refused', () => {
    const view = newView()
    const append = { kind: 'append', format: 1, commits: JSON.stringify([commitOf('a', ['s1'])]) } as const
    view.take({ ...append, revision: 1 })
    view.take({ ...append, revision: 1 })
    expect([view.revision, view.pending.size]).toEqual([1, 1])
    expect(() => view.take({ ...append, revision: 3 })).toThrow(
      expect.objectContaining({ code: 'tidelog/storage-lost' }),
    )
    expect([view.revision, view.pending.size]).toEqual([1, 1])
  })

  test('that is a stub silences the view until what settled its commits is read', () => {
    const view = newView()
    view.take({ kind: 'stub', revision: 1, format: 1, by: 2 })
    expect(view.answers).toBe(false)
    const through = { position: 0, digest: view.confirmed.head.digest }
    view.take({ kind: 'pull', revision: 2, format: 1, from: 0, through, settled: ['a'], own: ['a'], takenOut: [] })
    expect(view.answers).toBe(true)
  })

  test('that brings confirmed commits waits for their records', () => {
    const view = newView()
    const through = { position: 1, digest: '0123456789abcdef' }
    const row = { kind: 'pull', revision: 1, format: 1, from: 0, through, settled: [], own: [], takenOut: [] } as const
    expect(view.take(row)).toBe(false)
    expect(view.revision).toBe(0)
    const commits = JSON.stringify([commitOf('x', ['s1'])])
    view.takeRecords([{ last: 1, first: 1, format: 1, commits, revisions: [1], digest: through.digest }], 1)
    expect(view.take(row)).toBe(true)
    expect(view.confirmed.head).toEqual(through)
  })

  test('that moved the log ends the writing', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser)
    await tab.append(callOf('a', ['s1']))
    const row = { kind: 'moved', revision: 2, format: 1, to: 'elsewhere' } as const
    await tab.engine.store.run([{ op: 'add', store: 'writes', row }], { write: true })
    await tab.engine.catchUp()
    await expect(tab.append(callOf('b', ['s1']))).rejects.toThrow(
      expect.objectContaining({ code: 'tidelog/log-moved', message: expect.stringContaining('elsewhere') }),
    )
  })
})
