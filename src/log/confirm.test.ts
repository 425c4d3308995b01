import { describe, expect, test } from 'vitest'
import { nextDigest } from '../core/digest.ts'
import type { PullPage } from '../protocol/sync.ts'
import { takePage } from './confirm.ts'
import { listDeadLetters, settledAs } from './dead-letters.ts'
import { deciders, executeOf } from './deciders.fixture.ts'
import {
  callOf,
  commitOf,
  createBrowser,
  openTab,
  pendingIds,
  rowsOf,
  Sequence,
  type Tab,
  versioned,
} from './log.fixture.ts'
import { rebase, withdraw } from './rebase.ts'

const positionsOf = ({ engine }: Tab, ...ids: readonly string[]) =>
  ids.map((id) => engine.view.confirmed.positionOf(id))
const pullRow = async (tab: Tab) => (await rowsOf(tab)).findLast((row) => row.kind === 'pull')

describe('takePage', () => {
  test('puts commits into the log in the order of the sequencer, with positions over their events', async () => {
    const tab = await openTab(createBrowser())
    expect(await takePage(tab.engine, new Sequence().add(commitOf('x', ['s1', 's2']), commitOf('y', ['t1'])))).toBe(
      'taken',
    )
    expect(positionsOf(tab, 'x', 'y', 'z')).toEqual([1, 3, undefined])
    expect(tab.engine.view.confirmed.head.position).toBe(3)
  })

  test('drops a page that does not follow the confirmed head, and a page that comes twice', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    const first = log.add(commitOf('x', ['s1']))
    const second = log.add(commitOf('y', ['s1']))
    const elsewhere = new Sequence()
    elsewhere.add(commitOf('other', ['s1']))
    expect(await takePage(tab.engine, second)).toBe('stale')
    expect(await takePage(tab.engine, first)).toBe('taken')
    expect(await takePage(tab.engine, first)).toBe('stale')
    // At the same position, but another log.
    expect(await takePage(tab.engine, elsewhere.add(commitOf('y', ['s1'])))).toBe('stale')
    expect(positionsOf(tab, 'x', 'y', 'other')).toEqual([1, undefined, undefined])
    expect(await rowsOf(tab)).toHaveLength(1)
  })

  test('takes an empty page for news of the head, and writes nothing for it', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    expect(await takePage(tab.engine, log.add())).toBe('taken')
    log.add(commitOf('x', ['s1']))
    expect(await takePage(tab.engine, log.add())).toBe('stale')
    expect(await rowsOf(tab)).toEqual([])
  })

  const good = (): PullPage => new Sequence().add(commitOf('x', ['s1']), commitOf('y', ['t1', 't2']))
  const corrupt: readonly (readonly [string, (page: PullPage) => PullPage])[] = [
    ['another digest', (page) => ({ ...page, through: { ...page.through, digest: '0123456789abcdef' } })],
    ['a commit less', (page) => ({ ...page, commits: page.commits.slice(1) })],
    ['the commits in another order', (page) => ({ ...page, commits: [...page.commits].reverse() })],
    [
      'other content',
      (page) => ({ ...page, commits: page.commits.map((commit) => ({ ...commit, contentId: 'forged' })) }),
    ],
    ['an end that is too far', (page) => ({ ...page, through: { ...page.through, position: 9 } })],
    ['an end that is too near', (page) => ({ ...page, through: { ...page.through, position: 2 } })],
    ['an event more', (page) => ({ ...page, commits: [commitOf('x', ['s1', 's1']), ...page.commits.slice(1)] })],
  ]
  test.each(corrupt)('refuses a page with %s, and the good one is taken afterwards', async (_name, spoil) => {
    const browser = createBrowser()
    const tab = await openTab(browser)
    expect(await takePage(tab.engine, spoil(good()))).toBe('corrupt')
    expect(await rowsOf(tab)).toEqual([])
    expect(await takePage(tab.engine, good())).toBe('taken')
    expect((await openTab(browser)).engine.view.revision).toBe(1)
  })

  test('refuses a page whose commit is empty of events only in the digest', async () => {
    const tab = await openTab(createBrowser())
    const page = good()
    const digest = nextDigest(page.through.digest, 'z', 'z/1')
    expect(await takePage(tab.engine, { ...page, through: { ...page.through, digest } })).toBe('corrupt')
  })
})

describe('a pending commit', () => {
  test('that comes back first and as it was leaves the queue as own, and keeps the revision of its append', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['s1']), callOf('b', ['t1']))
    const before = tab.engine.view.marker
    await takePage(tab.engine, new Sequence().add(commitOf('a', ['s1'])))
    expect(pendingIds(tab)).toEqual(['b'])
    expect(await pullRow(tab)).toMatchObject({ settled: ['a'], own: ['a'], takenOut: [] })
    expect(tab.engine.view.confirmed.revisionAt(1)).toBe(1)
    expect(await tab.engine.view.changedSince([{ stream: 's' }], before)).toBe(false)
  })

  test('that comes back ahead of an earlier one is settled but not own', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['s1']), callOf('b', ['t1']))
    await takePage(tab.engine, new Sequence().add(commitOf('b', ['t1']), commitOf('a', ['s1'])))
    expect(pendingIds(tab)).toEqual([])
    expect(await pullRow(tab)).toMatchObject({ settled: ['b', 'a'], own: ['a'], takenOut: [] })
  })

  test('that comes back with other content gives way to it, and its own events count as taken out', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(
      callOf('a', ['s1']),
      callOf('b', ['t1'], { failIfEventsMatch: { types: ['T7'] } }),
      versioned('c', 's2', 1),
    )
    const before = tab.engine.view.marker
    await takePage(tab.engine, new Sequence().add({ ...commitOf('a', ['u1']), contentId: 'a/2' }))
    expect(await pullRow(tab)).toMatchObject({ settled: ['a'], own: [], takenOut: [{ stream: 's', type: 'T1' }] })
    const { view } = tab.engine
    expect(await view.changedSince([{ stream: 's', types: ['T1'] }], before)).toBe(true)
    expect(await view.changedSince([{ stream: 'u' }], before)).toBe(true)
    expect([...view.pending.list()].map((item) => view.pending.touched.has(item))).toEqual([false, true])
  })

  test('that is confirmed after it became a dead letter is no dead letter any more', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser)
    const log = new Sequence()
    await tab.append(versioned('own', 's1', 0))
    await takePage(tab.engine, log.add(commitOf('foreign', ['s2'])))
    await rebase(tab.engine)
    const letters = async () => {
      const [rows] = await tab.engine.store.run([
        { op: 'range', store: 'state', from: ['dead/', 0], to: ['dead/z', 0] },
      ])
      return rows.map(({ id }) => id)
    }
    expect(await letters()).toEqual(['own'])
    await takePage(tab.engine, log.add(commitOf('own', ['s1'])))
    expect(await letters()).toEqual([])
    expect([tab.engine.view.dead.size, positionsOf(tab, 'own')]).toEqual([0, [2]])
    expect((await openTab(browser)).engine.view.dead.size).toBe(0)
  })

  test('that was withdrawn and is confirmed nevertheless is a letter that says so, and is withdrawn no more', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser)
    await tab.append(callOf('a', ['s1']))
    await withdraw(tab.engine, 'a')
    await takePage(tab.engine, new Sequence().add(commitOf('a', ['s1'])))
    expect(await listDeadLetters(tab.engine)).toMatchObject([{ id: 'a', reason: { type: 'Confirmed', position: 1 } }])
    expect([await settledAs(tab.engine, 'a'), positionsOf(tab, 'a')]).toEqual([undefined, [1]])
    for (const { engine } of [tab, await openTab(browser)]) expect(engine.view.settled.size).toBe(0)
  })

  test('that had nothing left to do and is confirmed nevertheless is confirmed, without a letter', async () => {
    const tab = await openTab(createBrowser(), { deciders })
    const log = new Sequence()
    await tab.append(executeOf('a', { kind: 'first', on: 's' }))
    await takePage(tab.engine, log.add(commitOf('x', ['s9'])))
    await rebase(tab.engine)
    expect(await settledAs(tab.engine, 'a')).toBe('nothing-to-do')
    await takePage(tab.engine, log.add(commitOf('a', ['s1'])))
    expect([await settledAs(tab.engine, 'a'), await listDeadLetters(tab.engine)]).toEqual([undefined, []])
    expect(positionsOf(tab, 'a')).toEqual([2])
  })

  test('that was decided again and comes back as it was before gives way, and touches those behind it', async () => {
    const tab = await openTab(createBrowser(), { deciders })
    const log = new Sequence()
    await tab.append(
      executeOf('a', { kind: 'sees', on: 's', to: 't' }),
      executeOf('b', { kind: 'sees', on: 't', to: 'u' }),
    )
    const first = tab.engine.view.pending.get('a')?.commit
    if (first === undefined) throw new Error('a is not pending')
    await takePage(tab.engine, log.add(commitOf('x', ['s9'])))
    await rebase(tab.engine)
    expect(tab.engine.view.pending.get('b')?.commit.events[0]?.data).toBe('s9@1@1')
    const { command: _command, ...sent } = first
    await takePage(tab.engine, log.add(sent))
    expect(await pullRow(tab)).toMatchObject({ settled: ['a'], own: [], takenOut: [{ stream: 't', type: 'T1' }] })
    await rebase(tab.engine)
    expect(tab.engine.view.pending.get('b')?.commit.events[0]?.data).toBe('@1')
  })

  test('is confirmed by the pull of either of two leaders, once', async () => {
    const browser = createBrowser()
    const [a, b] = [await openTab(browser), await openTab(browser)]
    await a.append(callOf('a', ['s1']))
    await b.engine.catchUp()
    const page = new Sequence().add(commitOf('a', ['s1']), commitOf('x', ['t1']))
    const taken = await Promise.all([takePage(a.engine, page), takePage(b.engine, page)])
    expect([...taken].sort()).toEqual(['stale', 'taken'])
    expect((await rowsOf(a)).map(({ kind }) => kind)).toEqual(['append', 'pull'])
    for (const tab of [a, b]) expect([positionsOf(tab, 'a', 'x'), pendingIds(tab)]).toEqual([[1, 2], []])
  })
})
