import { describe, expect, test } from 'vitest'
import type { Store } from '../store/store.ts'
import { takePage } from './confirm.ts'
import { listDeadLetters, settledAs } from './dead-letters.ts'
import { type Asked, deciders, executeOf } from './deciders.fixture.ts'
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
import { needsRebase, nextRun, rebase, takeRejected, withdraw } from './rebase.ts'

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
    expect([...tab.engine.view.pending.list()].map(({ revision }) => revision)).toEqual([1, 1])
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

describe('a touched command', () => {
  /** A queue of commands, and a foreign event that came before it. */
  async function touched(foreign: string, ...asked: readonly Asked[]): Promise<Tab> {
    const tab = await openTab(createBrowser(), { deciders })
    await tab.append(...asked.map((one, at) => executeOf(`c${at}`, one)))
    await takePage(tab.engine, new Sequence().add(commitOf('x', [foreign])))
    return tab
  }
  const row = async (tab: Tab) => (await rowsOf(tab)).findLast(({ kind }) => kind === 'rebase')
  const dataOf = ({ engine }: Tab) => [...engine.view.pending.list()].map(({ commit }) => commit.events[0]?.data)
  const taken = (stream: string) => ({ stream, type: 'T1', tags: [`on:${stream}`, 'kind:1'] })

  test('that is decided the same stays as it was, and is noted as looked at', async () => {
    const tab = await touched('s9', { kind: 'sees', on: 't' }, { kind: 'sees', on: 's', to: 't' })
    const before = tab.engine.view.pending.get('c0')
    expect(await rebase(tab.engine)).toBeUndefined()
    expect(tab.engine.view.pending.get('c0')).toBe(before)
    const same = await touched('s9', { kind: 'fixed', on: 's' })
    await rebase(same.engine)
    expect(await row(same)).toMatchObject({ replaced: '[]', refused: [], withdrawn: [], takenOut: [], through: 1 })
    expect(needsRebase(same.engine.view)).toBe(false)
    expect(same.engine.view.pending.get('c0')).toMatchObject({ revision: 1, commit: { contentId: 'c0/1' } })
  })

  test('that is decided otherwise is replaced under its id, in its place; old and new count as taken out', async () => {
    const tab = await touched('s9', { kind: 'sees', on: 's', to: 't' }, { kind: 'sees', on: 'u' })
    await rebase(tab.engine)
    expect(await row(tab)).toMatchObject({ order: [], refused: [], withdrawn: [], takenOut: [taken('t'), taken('t')] })
    expect([pendingIds(tab), dataOf(tab)]).toEqual([
      ['c0', 'c1'],
      ['s9@1', ''],
    ])
    const { commit, revision } = tab.engine.view.pending.get('c0') ?? {}
    expect([commit?.attempt, revision]).toEqual([2, 3])
    expect(commit?.contentId).not.toBe('c0/1')
    const [sent] = nextRun(tab.engine.view)?.commits ?? []
    expect(Object.keys(sent ?? {})).not.toContain('command')
    expect(Object.keys(sent ?? {})).not.toContain('attempt')
  })

  test('leaves with nothing to do, or as one letter with its refusal and what stood in its way', async () => {
    const tab = await touched('s9', { kind: 'first', on: 's' }, { kind: 'only-if-empty', on: 's', to: 't' })
    // The second was decided on what the first recorded.
    expect(pendingIds(tab)).toEqual(['c0'])
    const other = await touched('s9', { kind: 'only-if-empty', on: 's', to: 't' }, { kind: 'first', on: 's', to: 'u' })
    await rebase(other.engine)
    expect(await row(other)).toMatchObject({ refused: ['c0'], withdrawn: ['c1'], takenOut: [taken('t'), taken('u')] })
    expect(await settledAs(other.engine, 'c1')).toBe('nothing-to-do')
    const [letter, ...rest] = await listDeadLetters(other.engine)
    expect(letter?.reason).toMatchObject({
      type: 'Refused',
      refusal: { type: 'Taken', data: ['s9@1'] },
      events: [{ position: 1 }],
    })
    expect([JSON.parse(letter?.commit ?? '{}').command.name, rest]).toEqual(['only-if-empty', []])
  })

  test('changes what those behind it see: replaced, refused or gone, they are decided again in order', async () => {
    const tab = await touched(
      's9',
      { kind: 'sees', on: 's', to: 't' },
      { kind: 'sees', on: 't', to: 'u' },
      { kind: 'sees', on: 'u', to: 'v' },
      { kind: 'sees', on: 'w' },
    )
    await rebase(tab.engine)
    expect(dataOf(tab)).toEqual(['s9@1', 's9@1@1', 's9@1@1@1', ''])
    expect([...tab.engine.view.pending.list()].map(({ revision }) => revision)).toEqual([3, 3, 3, 1])
  })

  test('behind one that is withdrawn is decided again', async () => {
    const tab = await openTab(createBrowser(), { deciders })
    await tab.append(callOf('a', ['s1']), executeOf('b', { kind: 'sees', on: 's', to: 't' }))
    expect(dataOf(tab)).toEqual(['s1', 's1@1'])
    await withdraw(tab.engine, 'a')
    expect([needsRebase(tab.engine.view), nextRun(tab.engine.view)]).toEqual([true, undefined])
    await rebase(tab.engine)
    expect(dataOf(tab)).toEqual([''])
  })

  test('is decided once more when another tab brought more of the log before the rebase was written', async () => {
    const browser = createBrowser()
    const log = new Sequence()
    const other = await openTab(browser, { deciders })
    let interrupt = async (): Promise<void> => {}
    const wrap = (store: Store): Store =>
      Object.create(store, {
        run: {
          value: async (...asked: Parameters<Store['run']>) => {
            const isRebase = asked[0].some((one) => 'row' in one && 'kind' in one.row && one.row.kind === 'rebase')
            if (isRebase) await interrupt()
            return store.run(...asked)
          },
        },
      })
    const tab = await openTab(browser, { deciders, wrap })
    await tab.append(executeOf('a', { kind: 'sees', on: 's', to: 't' }))
    await takePage(tab.engine, log.add(commitOf('x', ['s9'])))
    await other.engine.catchUp()
    interrupt = async () => {
      interrupt = async () => {}
      await takePage(other.engine, log.add(commitOf('y', ['s8'])))
    }
    await rebase(tab.engine)
    expect(dataOf(tab)).toEqual(['s9@1 s8@2'])
    expect(needsRebase(tab.engine.view)).toBe(false)
  })

  test.each([
    ['unknown', 'needs-decider'],
    ['fails', 'decider-failed'],
  ] as const)('that can’t be decided here (%s) leaves everything as it is, also what could be', async (kind, type) => {
    const tab = await openTab(createBrowser(), { deciders })
    await tab.append(executeOf('a', { kind: 'sees', on: 's', to: 't' }), versioned('b', 's1', 0))
    await tab.append(executeOf('c', { kind: 'sees', on: 's', to: 't' }))
    const command = { name: kind, v: 1, data: { kind, on: 's' } }
    const row = {
      kind: 'append',
      revision: 3,
      format: 1,
      commits: JSON.stringify([{ ...commitOf('d', ['u1'], { streams: ['s'] }), command }]),
    } as const
    await tab.engine.store.run([{ op: 'add', store: 'writes', row }], { write: true })
    await tab.engine.catchUp()
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['s9'])))
    const rows = await rowsOf(tab)
    expect(await rebase(tab.engine)).toEqual({ type, message: kind })
    expect([await rowsOf(tab), pendingIds(tab), await letterIds(tab)]).toEqual([rows, ['a', 'b', 'c', 'd'], []])
    expect(nextRun(tab.engine.view)).toBeUndefined()
  })

  test('waits where no rules are known at all, while a plain append does not', async () => {
    const browser = createBrowser()
    const knowing = await openTab(browser, { deciders })
    const ignorant = await openTab(browser)
    await knowing.append(executeOf('a', { kind: 'sees', on: 's', to: 't' }))
    await takePage(ignorant.engine, new Sequence().add(commitOf('x', ['s9'])))
    expect(await rebase(ignorant.engine)).toEqual({ type: 'needs-decider', message: 'sees' })
    await knowing.engine.catchUp()
    expect(await rebase(knowing.engine)).toBeUndefined()
    await ignorant.engine.catchUp()
    expect(dataOf(ignorant)).toEqual(['s9@1'])
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
