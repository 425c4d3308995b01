import { describe, expect, test } from 'vitest'
import { takePage } from './confirm.ts'
import {
  callOf,
  commitOf,
  createBrowser,
  idsOf,
  largeCall,
  openTab,
  pendingIds,
  rowsOf,
  Sequence,
  type Tab,
  versioned,
} from './log.fixture.ts'
import { listDeadLetters, needsRebase, nextRun, rebase, takeRejected } from './rebase.ts'

const problem = { type: 'p', title: 'No' }
const letterIds = async ({ engine }: Tab) => (await listDeadLetters(engine)).map(({ id }) => id).sort()
const isHere = { expectedVersion: 'exists' } as const

/** What becomes of the queue when these pages came and the head is reached. */
async function endOf(tab: Tab): Promise<{ readonly pending: readonly string[]; readonly dead: readonly string[] }> {
  await rebase(tab.engine)
  return { pending: pendingIds(tab), dead: await letterIds(tab) }
}

describe('a rebase', () => {
  test('takes out a commit whose condition looks at what came in, and keeps the rest as it is', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(versioned('a', 's1', 0), versioned('b', 't1', 0), callOf('c', ['s2']))
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['s9'])))
    expect(await endOf(tab)).toEqual({ pending: ['b', 'c'], dead: ['a'] })
    expect(tab.engine.view.pending.list().map(({ revision }) => revision)).toEqual([1, 1])
  })

  test('writes nothing when nothing is touched', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(versioned('a', 's1', 0), callOf('b', ['t1']))
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['t9'])))
    await rebase(tab.engine)
    expect((await rowsOf(tab)).map(({ kind }) => kind)).toEqual(['append', 'pull'])
    expect(nextRun(tab.engine.view)?.commits.map(({ id }) => id)).toEqual(['a', 'b'])
  })

  test('takes out what stands behind a commit that goes and looks at it, and nothing before it', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(versioned('first', 't1', 0), versioned('a', 's1', 0), versioned('b', 's2', 1), callOf('c', ['u1']))
    const since = (types: readonly string[]) => ({ failIfEventsMatch: { types }, after: tab.engine.view.marker })
    await tab.append(callOf('d', ['v1'], since(['T2'])), callOf('e', ['v1'], since(['T7'])))
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['s9'])))
    expect(await endOf(tab)).toEqual({ pending: ['first', 'c', 'e'], dead: ['a', 'b', 'd'] })
  })

  test('does not count what a commit had already seen when it was made', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    await tab.append(callOf('early', ['u1']))
    await takePage(tab.engine, log.add(commitOf('x', ['s1'])))
    await tab.append(versioned('a', 's2', 1))
    expect(await endOf(tab)).toEqual({ pending: ['early', 'a'], dead: [] })
  })

  test('does not count its own commits that come back in their order', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(versioned('a', 's1', 0), versioned('b', 's1', 1), versioned('c', 's1', 2))
    await takePage(tab.engine, new Sequence().add(commitOf('a', ['s1']), commitOf('b', ['s1'])))
    expect(await endOf(tab)).toEqual({ pending: ['c'], dead: [] })
  })

  test('counts an own commit that came back ahead of an earlier one: what stood before it is touched', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['s1'], { failIfEventsMatch: { types: ['T2'] } }), callOf('b', ['s2']))
    await takePage(tab.engine, new Sequence().add(commitOf('b', ['s2'])))
    expect(await endOf(tab)).toEqual({ pending: [], dead: ['a'] })
  })

  test('counts a commit of the own id with other content as foreign, also to itself', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['s1']), callOf('b', ['t1'], { failIfEventsMatch: { types: ['T2'] } }))
    await takePage(tab.engine, new Sequence().add({ ...commitOf('a', ['s2']), contentId: 'a/2' }))
    expect(await endOf(tab)).toEqual({ pending: [], dead: ['b'] })
  })

  test('is not asked for again by what it has dealt with', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    await tab.append(versioned('a', 's1', 0), versioned('b', 't1', 0))
    await takePage(tab.engine, log.add(commitOf('x', ['s9'])))
    await rebase(tab.engine)
    expect(needsRebase(tab.engine.view)).toBe(false)
    await takePage(tab.engine, log.add(commitOf('y', ['u9'])))
    expect(needsRebase(tab.engine.view)).toBe(false)
    expect(await endOf(tab)).toEqual({ pending: ['b'], dead: ['a'] })
  })

  test('keeps each dead letter with the events that caused it, and the commit as it was', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(versioned('a', 's1', 0))
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['s8', 't1', 's9'])))
    await rebase(tab.engine)
    const [letter] = await listDeadLetters(tab.engine)
    expect(letter?.reason).toMatchObject({ type: 'Conflict', events: [{ position: 1 }, { position: 3 }] })
    expect(JSON.parse(letter?.commit ?? '{}')).toMatchObject({ id: 'a', events: [{ data: 's1' }] })
  })

  test('of two leaders at once takes each commit out once', async () => {
    const browser = createBrowser()
    const [one, two] = [await openTab(browser), await openTab(browser)]
    await one.append(versioned('a', 's1', 0), versioned('b', 't1', 0))
    await takePage(one.engine, new Sequence().add(commitOf('x', ['s9'])))
    await two.engine.catchUp()
    await Promise.all([rebase(one.engine), rebase(two.engine)])
    expect((await rowsOf(one)).map(({ kind }) => kind)).toEqual(['append', 'pull', 'rebase'])
    for (const tab of [one, two]) expect([pendingIds(tab), await letterIds(tab)]).toEqual([['b'], ['a']])
  })

  test('works on what another tab appended while it was under way', async () => {
    const browser = createBrowser()
    const [leader, other] = [await openTab(browser), await openTab(browser)]
    await leader.append(versioned('a', 's1', 0))
    await takePage(leader.engine, new Sequence().add(commitOf('x', ['s9'])))
    await Promise.all([rebase(leader.engine), other.append(callOf('late', ['t1']))])
    await Promise.all([leader.engine.catchUp(), other.engine.catchUp()])
    expect(pendingIds(leader)).toEqual(['late'])
    expect([pendingIds(other), await letterIds(other)]).toEqual([['late'], ['a']])
  })
})

describe('a rejected commit', () => {
  test('becomes a dead letter with the problem, and what looks at it behind it goes too', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(versioned('a', 's1', 0), callOf('b', ['s2'], isHere), callOf('c', ['t1']))
    await takeRejected(tab.engine, [{ id: 'a', contentId: 'a/1', problem }])
    expect(pendingIds(tab)).toEqual(['b', 'c'])
    expect(nextRun(tab.engine.view)).toBeUndefined()
    expect(await endOf(tab)).toEqual({ pending: ['c'], dead: ['a', 'b'] })
    expect((await listDeadLetters(tab.engine)).find(({ id }) => id === 'a')?.reason).toEqual({
      type: 'Rejected',
      problem,
    })
  })

  test('is judged by its content: a verdict on another one changes nothing', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['s1']))
    const rejected = { contentId: 'a/0', problem }
    await takeRejected(tab.engine, [
      { id: 'a', ...rejected },
      { id: 'nobody', ...rejected },
    ])
    expect([pendingIds(tab), await letterIds(tab)]).toEqual([['a'], []])
    expect(await rowsOf(tab)).toHaveLength(1)
  })

  test('leaves what was touched before touched', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['u1']), versioned('b', 's1', 0))
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['s9'])))
    await takeRejected(tab.engine, [{ id: 'a', contentId: 'a/1', problem }])
    expect(await endOf(tab)).toEqual({ pending: [], dead: ['a', 'b'] })
  })
})

describe('the next run', () => {
  test('is the queue in local order, with the confirmed head it was compared with', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    await tab.append(callOf('b', ['s1']), callOf('a', ['t1']))
    await takePage(tab.engine, log.add(commitOf('x', ['u1'])))
    const run = nextRun(tab.engine.view)
    expect([run?.seen, idsOf(run?.commits ?? [])]).toEqual([log.head, ['b', 'a']])
    expect(nextRun(tab.engine.view, 1)?.commits.map(({ id }) => id)).toEqual(['b'])
  })

  test('is nothing while the queue is empty, or anything of it waits for a rebase', async () => {
    const tab = await openTab(createBrowser())
    expect(nextRun(tab.engine.view)).toBeUndefined()
    await tab.append(callOf('free', ['t1']), versioned('a', 's1', 0))
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['s9'])))
    expect(needsRebase(tab.engine.view)).toBe(true)
    expect(nextRun(tab.engine.view)).toBeUndefined()
    expect(nextRun(tab.engine.view, 1)).toBeUndefined()
  })

  test('is bounded by bytes, and holds one commit whatever its size', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(largeCall('a', 600_000), largeCall('b', 600_000))
    expect(nextRun(tab.engine.view)?.commits.map(({ id }) => id)).toEqual(['a'])
  })
})
