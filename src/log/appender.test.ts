import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Commit } from '../core/commit.ts'
import { groupTextMax } from '../core/limits.ts'
import type { Marker } from '../core/outcome.ts'
import type { AnyQuery } from '../core/queries.ts'
import { conditionToSelectors, matches } from '../core/query.ts'
import type { AppendAnswer, AppendText } from '../protocol/worker.ts'
import { isStoreError, type Store, StoreError } from '../store/store.ts'
import { takePage } from './confirm.ts'
import { discardDeadLetter } from './dead-letters.ts'
import { deciders, executeOf } from './deciders.fixture.ts'
import {
  callOf,
  changed,
  commitOf,
  createBrowser,
  largeCall,
  openTab,
  rowsOf,
  Sequence,
  versioned,
} from './log.fixture.ts'
import { rebase } from './rebase.ts'

const reasonOf = (answer: AppendAnswer | undefined) => (answer?.ok === false ? answer.reason : undefined)
const noMatch = (id: string, event: string, failIfEventsMatch: AnyQuery, after?: Marker): AppendText =>
  callOf(id, [event], { failIfEventsMatch, after })
const onS: AnyQuery = { tags: { on: 's' } }

describe('a group', () => {
  test('of appends made at once is one row, each with its own outcome', async () => {
    const tab = await openTab(createBrowser())
    const answers = await tab.append(versioned('a', 's1', 0), versioned('b', 's1', 0), versioned('c', 's1', 1))
    expect(answers.map(({ ok }) => ok)).toEqual([true, false, true])
    expect(reasonOf(answers[1])).toMatchObject({ type: 'VersionConflict', stream: 's', expected: 0, actual: 1 })
    const rows = await rowsOf(tab)
    expect(rows.map(({ revision, kind }) => ({ revision, kind }))).toEqual([{ revision: 1, kind: 'append' }])
  })

  test('stops growing at its size, and takes one commit that is larger', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(
      largeCall('a', groupTextMax / 2 - 1_000),
      largeCall('b', groupTextMax / 2 - 1_000),
      largeCall('c', groupTextMax / 2),
      largeCall('d', groupTextMax + 10_000),
      largeCall('e', 10),
    )
    const sizes = (await rowsOf(tab)).map((row) => (row.kind === 'append' ? JSON.parse(row.commits).length : 0))
    expect(sizes).toEqual([2, 1, 1, 1])
  })

  test('of a thousand small appends of one tick takes at most four transactions', async () => {
    let transactions = 0
    const wrap = (store: Store): Store => ({
      ...store,
      run: (requests, options) => {
        transactions += 1
        return store.run(requests, options)
      },
    })
    const tab = await openTab(createBrowser(), { wrap, synced: false })
    transactions = 0
    const answers = await tab.append(...Array.from({ length: 1_000 }, (_, nth) => largeCall(`a${nth}`, 400)))
    expect(transactions).toBeLessThanOrEqual(4)
    expect(answers.map((answer) => answer.ok && [answer.first, ...answer.versions])).toEqual(
      answers.map((_, nth) => [nth + 1, nth + 1]),
    )
  })

  test('answers with the version of each event and the head that its row made', async () => {
    const tab = await openTab(createBrowser())
    const [first, second] = await tab.append(callOf('a', ['s1', 't1', 's2']), callOf('b', ['t1', 's1']))
    expect(first).toMatchObject({ ok: true, versions: [1, 1, 2], head: { database: 'db', revision: 1, confirmed: 0 } })
    expect(second).toMatchObject({ ok: true, versions: [2, 3] })
    expect(first).not.toHaveProperty('first')
  })

  test('is confirmed at once, with positions, where the log is its own sequencer', async () => {
    const tab = await openTab(createBrowser(), { synced: false })
    const [first, second] = await tab.append(callOf('a', ['s1', 't1']), callOf('b', ['s1']))
    expect(first).toMatchObject({ ok: true, first: 1, head: { confirmed: 3 } })
    expect(second).toMatchObject({ ok: true, first: 3, versions: [2] })
    expect(tab.engine.view.pending.size).toBe(0)
  })

  test('writes nothing when all of it is refused', async () => {
    const tab = await openTab(createBrowser())
    const answers = await tab.append(versioned('a', 's1', 3), versioned('b', 's1', 'exists'))
    expect(answers.map((answer) => reasonOf(answer)?.type)).toEqual(['VersionConflict', 'VersionConflict'])
    expect(await rowsOf(tab)).toEqual([])
  })
})

describe('a condition', () => {
  test('without a marker forbids any match, also earlier in the same group', async () => {
    const tab = await openTab(createBrowser())
    const answers = await tab.append(noMatch('a', 's1', onS), noMatch('b', 's1', onS), noMatch('c', 't1', onS))
    expect(answers.map(({ ok }) => ok)).toEqual([true, false, false])
    expect(reasonOf(answers[1])?.type).toBe('ConditionConflict')
  })

  test('with a marker forbids only what came after it', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['s1']))
    const after = tab.engine.view.marker
    const [held] = await tab.append(noMatch('b', 's1', onS, after))
    const [refused] = await tab.append(noMatch('c', 's1', onS, after))
    expect([held?.ok, refused?.ok]).toEqual([true, false])
  })

  test('names the events that it met, the first hundred in log order, confirmed before pending', async () => {
    const tab = await openTab(createBrowser(), { synced: false })
    await tab.append(...Array.from({ length: 130 }, (_, at) => callOf(`a${at}`, [at % 2 === 0 ? 's1' : 't1'])))
    const [answer] = await tab.append(noMatch('b', 'u1', [onS, { types: ['T1'] }]))
    const reason = reasonOf(answer)
    const events = reason?.type === 'ConditionConflict' ? reason.events : []
    expect(events.map(({ position }) => position)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1))
  })

  test('meets an event that was taken out after its marker as it meets a new one', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    await tab.append(versioned('own', 's1', 0))
    const after = tab.engine.view.marker
    await takePage(tab.engine, log.add(commitOf('foreign', ['s2'])))
    await rebase(tab.engine)
    expect(tab.engine.view.dead.has('own')).toBe(true)
    const later = tab.engine.view.marker
    // The version is 1 as it was then, but it is another event.
    const again = (since: Marker): AppendText => callOf('b', ['s1'], { expectedVersion: 1, after: since })
    const [stale, queried] = await tab.append(again(after), noMatch('c', 't1', { types: ['T1'] }, after))
    expect([stale?.ok, queried?.ok]).toEqual([false, false])
    const [fresh] = await tab.append(again(later))
    expect(fresh?.ok).toBe(true)
  })

  test('with a marker of another database, of the future or from below the floor is refused as expired', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['s1']), callOf('b', ['s1']))
    const { marker } = tab.engine.view
    const ask = async (after: typeof marker) => reasonOf((await tab.append(noMatch('c', 't1', onS, after)))[0])
    expect(await ask({ ...marker, database: 'other' })).toEqual(
      expect.objectContaining({ code: 'tidelog/marker-expired' }),
    )
    expect(await ask({ ...marker, revision: 9 })).toEqual(expect.objectContaining({ code: 'tidelog/marker-expired' }))
    tab.engine.view.floor = 1
    expect(await ask({ ...marker, revision: 0 })).toEqual(expect.objectContaining({ code: 'tidelog/marker-expired' }))
  })

  test("on 'exists' travels while the stream is pending only, and needs no check once it is confirmed", async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    const checksOf = () =>
      [...tab.engine.view.pending.list()].map(({ commit }) => conditionToSelectors(commit.condition))
    await tab.append(callOf('a', ['s1']), versioned('b', 's1', 'exists'))
    expect(checksOf()).toEqual([[], [{ stream: 's' }]])
    await takePage(tab.engine, log.add(commitOf('a', ['s1'])))
    await tab.append(versioned('c', 's1', 'exists'))
    expect(checksOf()).toEqual([[{ stream: 's' }], []])
  })
})

describe('an id', () => {
  const same = callOf('a', ['s1', 't1'])

  test('that is known with the same content is the same append: pending, confirmed and in one group', async () => {
    const tab = await openTab(createBrowser())
    const again = changed(same, { contentId: 'a/2', time: 'later' })
    const [first, twin] = await tab.append(same, again)
    const [pending] = await tab.append(again)
    await takePage(tab.engine, new Sequence().add(commitOf('a', ['s1', 't1'])))
    const [confirmed] = await tab.append(again)
    for (const answer of [first, twin, pending, confirmed]) expect(answer).toMatchObject({ ok: true, versions: [1, 1] })
    for (const answer of [twin, pending]) expect(answer?.ok && JSON.parse(answer.known ?? '{}').contentId).toBe('a/1')
    expect(confirmed).toMatchObject({ first: 1 })
    expect((await rowsOf(tab)).map(({ kind }) => kind)).toEqual(['append', 'pull'])
  })

  test('that is known with other content is taken', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(same)
    const [answer] = await tab.append(changed(callOf('a', ['s2']), { contentId: 'x' }))
    expect(reasonOf(answer)).toMatchObject({ type: 'IdTaken', commitId: 'a' })
  })

  test('of a dead letter is taken until the letter is discarded, in every tab', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser)
    const other = await openTab(browser)
    await tab.append(versioned('own', 's1', 0))
    await takePage(tab.engine, new Sequence().add(commitOf('foreign', ['s2'])))
    await rebase(tab.engine)
    await other.engine.catchUp()
    const retry: AppendText = changed(callOf('own', ['s9']), { contentId: 'x' })
    expect(reasonOf((await other.append(retry))[0])?.type).toBe('IdTaken')
    expect(await discardDeadLetter(tab.engine, 'own')).toBe(true)
    expect((await tab.append(retry))[0]?.ok).toBe(true)
  })
})

describe('storage that refuses', () => {
  const failing = (store: Store, errors: StoreError[], kept: boolean): Store => ({
    get identity() {
      return store.identity
    },
    durable: true,
    close: () => store.close(),
    run: async (requests, options) => {
      const error = options?.write === true ? errors.shift() : undefined
      if (error !== undefined && !kept) throw error
      const result = await store.run(requests, options)
      if (error !== undefined) throw error
      return result
    },
  })

  test('for lack of room is an outcome, and the same append works when there is room again', async () => {
    const errors = [new StoreError('full', 'no room')]
    const tab = await openTab(createBrowser(), { wrap: (store) => failing(store, errors, false) })
    const [full] = await tab.append(versioned('a', 's1', 0))
    expect(reasonOf(full)?.type).toBe('StorageFull')
    const [again] = await tab.append(versioned('a', 's1', 0))
    expect(again?.ok).toBe(true)
    expect(await rowsOf(tab)).toHaveLength(1)
  })

  test.each([true, false])('with an unknown outcome (kept: %s) ends in one commit and one answer', async (kept) => {
    const errors = [new StoreError('lost', 'the connection broke')]
    const tab = await openTab(createBrowser(), { wrap: (store) => failing(store, errors, kept) })
    const [answer] = await tab.append(versioned('a', 's1', 0))
    expect(answer).toMatchObject({ ok: true, versions: [1] })
    expect(await rowsOf(tab)).toHaveLength(1)
  })

  test('again and again rejects, and lets the next append through', async () => {
    const errors = Array.from({ length: 5 }, () => new StoreError('lost', 'the connection broke'))
    const tab = await openTab(createBrowser(), { wrap: (store) => failing(store, errors, false) })
    await expect(tab.append(versioned('a', 's1', 0))).rejects.toMatchObject({ code: 'tidelog/storage-lost' })
    expect((await tab.append(versioned('a', 's1', 0)))[0]?.ok).toBe(true)
  })

  test('to be durable refuses the append, unless the log may live without', async () => {
    const browser = createBrowser()
    const wrap = (store: Store): Store => ({ ...store, durable: false })
    const strict = await openTab(browser, { wrap })
    expect(reasonOf((await strict.append(versioned('a', 's1', 0)))[0])?.type).toBe('StorageUnavailable')
    const lax = await openTab(browser, { wrap, requireDurable: false })
    expect((await lax.append(versioned('a', 's1', 0)))[0]).toMatchObject({ ok: true, durable: false })
  })
})

interface Wish {
  readonly event: string
  readonly expected?: number
  /** No event of these streams, types or kinds may be there. */
  readonly failIf?: (typeof queries)[number]
}
const queries = [
  { query: { tags: { on: 's' } }, selector: { tags: ['on:s'] } },
  { query: { types: ['T2'] }, selector: { types: ['T2'] } },
  { query: { types: ['T1'], tags: { on: 't', kind: '1' } }, selector: { types: ['T1'], tags: ['on:t', 'kind:1'] } },
] as const
const wish: fc.Arbitrary<Wish> = fc.oneof(
  fc.record({ event: fc.constantFrom('s1', 't1', 'u2') }),
  fc.record({ event: fc.constantFrom('s1', 't1'), expected: fc.nat(4) }),
  fc.record({ event: fc.constantFrom('s1', 't2', 'u1'), failIf: fc.constantFrom(...queries) }),
)

describe('two tabs on one database', () => {
  const countIn = (log: readonly Commit[], stream: string) =>
    log.flatMap(({ events }) => events).filter((event) => event.stream === stream).length

  /** A row is a point in time: what it admitted held there, and what was refused could not hold from some point on. */
  const holds = ({ event, expected, failIf }: Wish, log: readonly Commit[]): boolean =>
    (expected === undefined || countIn(log, event.slice(0, 1)) === expected) &&
    (failIf === undefined || !log.some(({ events }) => events.some((one) => matches([failIf.selector], one))))

  test('that append at once give each the outcome of some serial order', async () => {
    let races = 0
    const counting = (store: Store): Store => ({
      ...store,
      run: (requests, options) =>
        store.run(requests, options).catch((error: unknown) => {
          if (isStoreError(error, 'taken')) races += 1
          throw error
        }),
    })
    const rounds = fc.array(fc.tuple(fc.array(wish, { maxLength: 4 }), fc.array(wish, { maxLength: 4 })), {
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(rounds, async (list) => {
        const browser = createBrowser()
        const tabs = [await openTab(browser, { wrap: counting }), await openTab(browser, { wrap: counting })]
        const wishes = new Map<string, Wish>()
        const answers = new Map<string, AppendAnswer>()
        for (const [at, round] of list.entries()) {
          const sends = tabs.map(async (tab, nth) => {
            const batch = (round[nth] ?? []).map((one, place) => ({ id: `${at}.${nth}.${place}`, one }))
            const given = await tab.append(...batch.map(({ id, one }) => toRequest(id, one)))
            batch.forEach(({ id, one }, place) => {
              wishes.set(id, one)
              const answer = given[place]
              if (answer !== undefined) answers.set(id, answer)
            })
          })
          await Promise.all(sends)
        }
        const log: Commit[] = []
        const logs: (readonly Commit[])[] = [[]]
        for (const row of await rowsOf(tabs[0]!)) {
          const commits: readonly Commit[] = row.kind === 'append' ? JSON.parse(row.commits) : []
          for (const commit of commits) {
            const one = wishes.get(commit.id)
            expect(one !== undefined && holds(one, log)).toBe(true)
            log.push(commit)
            logs.push([...log])
            const stream = commit.events[0]?.stream ?? ''
            expect(answers.get(commit.id)).toMatchObject({ ok: true, versions: [countIn(log, stream)] })
          }
        }
        for (const [id, one] of wishes) {
          const isIn = log.some((commit) => commit.id === id)
          expect(answers.get(id)?.ok).toBe(isIn)
          if (!isIn) expect(logs.some((prefix) => !holds(one, prefix))).toBe(true)
        }
      }),
      { numRuns: 150 },
    )
    expect(races).toBeGreaterThan(0)
  })

  const toRequest = (id: string, { event, expected, failIf }: Wish): AppendText => {
    if (expected !== undefined) return versioned(id, event, expected)
    return failIf === undefined ? callOf(id, [event]) : noMatch(id, event, failIf.query)
  }

  test('and one version give it to exactly one of them', async () => {
    const browser = createBrowser()
    const tabs = await Promise.all(Array.from({ length: 8 }, () => openTab(browser)))
    const answers = await Promise.all(tabs.map((tab, at) => tab.append(versioned(`c${at}`, 's1', 0))))
    const flat = answers.flat()
    expect(flat.filter(({ ok }) => ok)).toHaveLength(1)
    for (const answer of flat) if (!answer.ok) expect(answer.reason).toMatchObject({ expected: 0, actual: 1 })
  })
})

describe('a command', () => {
  const sees = (id: string) => executeOf(id, { kind: 'sees', on: 's', to: 't' })
  const dataOf = (answer: AppendAnswer | undefined) =>
    answer?.ok === true && answer.known !== undefined ? JSON.parse(answer.known).events[0]?.data : undefined

  test('that lost a race is decided anew on what won it', async () => {
    const browser = createBrowser()
    const [one, two] = [await openTab(browser, { deciders }), await openTab(browser, { deciders })]
    browser.channels.isLost = () => true
    await one.append(callOf('a', ['s1']))
    const [seen] = await two.append(sees('b'))
    expect([seen?.ok, dataOf(seen)]).toEqual([true, 's1@1'])
    const [again] = await one.append(executeOf('c', { kind: 'sees', on: 't', to: 'u' }))
    expect(dataOf(again)).toBe('s1@1@1')
  })

  test('is refused, or has nothing to do, only by a view that has read the tail', async () => {
    const browser = createBrowser()
    const [one, two] = [await openTab(browser, { deciders }), await openTab(browser, { deciders })]
    browser.channels.isLost = () => true
    await one.append(callOf('a', ['s1']))
    await two.engine.catchUp()
    await one.append(callOf('b', ['s2']))
    const [refused] = await two.append(executeOf('c', { kind: 'only-if-empty', on: 's' }))
    expect(reasonOf(refused)).toEqual({ type: 'Refused', refusal: { type: 'Taken', data: ['s1@1', 's2@2'] } })
  })

  test('that is asked again answers what it answered; another one under its id is told so', async () => {
    const tab = await openTab(createBrowser(), { deciders })
    const [first] = await tab.append(sees('a'))
    await tab.append(callOf('b', ['s1']))
    const [again, other, plain] = await tab.append(
      sees('a'),
      executeOf('a', { kind: 'sees', on: 'u', to: 't' }),
      callOf('a', ['t2']),
    )
    expect([dataOf(first), dataOf(again), again?.ok === true && again.versions]).toEqual(['', '', [1]])
    for (const answer of [other, plain]) expect(reasonOf(answer)).toMatchObject({ type: 'IdTaken', commitId: 'a' })
    expect(await rowsOf(tab)).toHaveLength(2)
  })

  test('of a log of its own is confirmed at once and keeps nothing of what was asked', async () => {
    const tab = await openTab(createBrowser(), { deciders, synced: false })
    const [first] = await tab.append(sees('a'))
    expect(first).toMatchObject({ ok: true, first: 1, versions: [1] })
    const [row] = await rowsOf(tab)
    expect(row?.kind === 'append' && Object.keys(JSON.parse(row.commits)[0])).not.toContain('command')
    expect(dataOf((await tab.append(sees('a')))[0])).toBe('')
  })
})
