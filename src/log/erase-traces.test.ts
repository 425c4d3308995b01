import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Commit } from '../core/commit.ts'
import { isCommit } from '../core/commit.ts'
import { packSegment } from '../segments/pack.ts'
import type { Store } from '../store/store.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { takePage } from './confirm.ts'
import { listDeadLetters } from './dead-letters.ts'
import { deciders, executeOf } from './deciders.fixture.ts'
import { takeSegment } from './download.ts'
import { erase, mustErase } from './erase.ts'
import { keep, listKept } from './kept.ts'
import { callOf, commitOf, createBrowser, eventOf, openTab, readWhole, Sequence, type Tab } from './log.fixture.ts'
import { rebase, withdraw } from './rebase.ts'
import { seal } from './seal.ts'
import { getSnapshot, putSnapshot } from './snapshots.ts'
import { exportSegment, importSegment } from './transfer.ts'

const tiny = { from: 2, max: 4, smallMax: 2, keptRows: 0 }
const wide = { ...tiny, max: 40, smallMax: 9 }
const erasureOf = (id: string, stream: string, data: object = {}): Commit => ({
  ...commitOf(id, ['s1']),
  events: [{ type: '$erased', stream, data }],
})

/** All that is on the disk, unpacked. */
async function textOf({ engine }: Tab): Promise<string> {
  const found = await engine.store.run([
    { op: 'range', store: 'writes' },
    { op: 'range', store: 'log' },
    { op: 'range', store: 'state' },
  ])
  return found
    .flat()
    .map((row) => ('part' in row ? gunzipSync(row.part as Uint8Array).toString() : JSON.stringify(row)))
    .join('\n')
}

/** A store that lets something happen before each run. */
const before =
  (look: (requests: Parameters<Store['run']>[0]) => Promise<void>) =>
  (store: Store): Store => ({
    ...store,
    run: async (requests, options) => {
      await look(requests)
      return store.run(requests, options)
    },
  })
const isErasing = (requests: Parameters<Store['run']>[0]): boolean =>
  requests.some((one) => 'row' in one && 'kind' in one.row && one.row.kind === 'erase')

test('an erasure brings nothing back that another tab erased meanwhile', async () => {
  const browser = createBrowser()
  const log = new Sequence()
  const other = await openTab(browser)
  await takePage(other.engine, log.add(commitOf('a', ['s1', 't1']), erasureOf('first', 's')))
  let step = 'find'
  const tab: Tab = await openTab(browser, {
    wrap: before(async (requests) => {
      const isFinding = requests.some((one) => one.op === 'range' && one.store === 'log' && one.from !== undefined)
      if (step === 'found' && isFinding) {
        step = 'look'
        await takePage(other.engine, log.add(erasureOf('second', 't')))
        await tab.engine.catchUp()
      }
      if (step === 'look' && isErasing(requests)) {
        step = 'done'
        expect(await erase(other.engine, wide)).toBe(true)
        expect(await textOf(other)).not.toMatch(/"s1"|"t1"/)
      }
    }),
  })
  step = 'found'
  expect(await erase(tab.engine, wide)).toBe(true)
  expect(step).toBe('done')
  const late = await openTab(browser)
  expect(await textOf(late)).not.toMatch(/"s1"|"t1"/)
  expect((await readWhole(late.reader, {})).map(({ data }) => data)).toEqual([null, null, {}, {}])
  for (const one of [tab, other, late]) {
    await one.engine.catchUp()
    expect([await mustErase(one.engine), one.engine.view.erased.through]).toEqual([false, 4])
  }
})

test.each([
  ['by its events', { kind: 'fixed', on: 'u', to: 's' }],
  ['by what it had read', { kind: 'fixed', on: 's', to: 'u' }],
] as const)('an erasure takes a command that is about the stream %s', async (_how, asked) => {
  const tab = await openTab(createBrowser(), { deciders })
  const log = new Sequence()
  await tab.append(executeOf('asked', asked), executeOf('other', { kind: 'first', on: 'v' }))
  const pending = [...tab.engine.view.pending.list()].map(({ commit }) => ({ ...commit, command: undefined }))
  await takePage(tab.engine, log.add(...pending))
  expect(await textOf(tab)).toContain('fixed')
  await takePage(tab.engine, log.add(erasureOf('gone', 's')))
  expect(await erase(tab.engine, tiny)).toBe(true)
  expect(await textOf(tab)).not.toContain('fixed')
  expect(await textOf(tab)).toContain('first')
})

test('an erasure takes what a decision was replaced by', async () => {
  const tab = await openTab(createBrowser(), { deciders })
  const { engine } = tab
  const log = new Sequence()
  await tab.append(executeOf('asked', { kind: 'sees', on: 's' }))
  await takePage(engine, log.add(commitOf('a', ['s1'])))
  await rebase(engine)
  const [pending] = [...engine.view.pending.list()]
  await takePage(engine, log.add({ ...(pending?.commit as Commit), command: undefined }))
  expect(await textOf(tab)).toContain('s1@1')
  await takePage(engine, log.add(erasureOf('gone', 's')))
  expect(await erase(engine, tiny)).toBe(true)
  expect(await textOf(tab)).not.toContain('s1@1')
})

test('an erasure takes what a decider said of the events when it refused', async () => {
  const tab = await openTab(createBrowser(), { deciders })
  const { engine } = tab
  const log = new Sequence()
  await tab.append(executeOf('asked', { kind: 'only-if-empty', on: 's' }))
  await takePage(engine, log.add(commitOf('a', ['s1']), erasureOf('gone', 's')))
  await rebase(engine)
  expect(await textOf(tab)).toContain('s1@1')
  expect(await erase(engine, tiny)).toBe(true)
  const [letter] = await listDeadLetters(engine)
  expect(letter).toMatchObject({ id: 'asked', reason: { type: 'Refused', refusal: { type: 'Taken', data: null } } })
  expect(await textOf(tab)).not.toContain('s1@1')
})

test('an erasure takes the letter of a commit that was withdrawn and is in the log', async () => {
  const tab = await openTab(createBrowser())
  const { engine } = tab
  const log = new Sequence()
  for (const [id, event] of [
    ['mine', 's8'],
    ['other', 't8'],
  ] as const) {
    await tab.append(callOf(id, [event]))
    await withdraw(engine, id)
    await takePage(engine, log.add(commitOf(id, [event])))
  }
  expect(await listDeadLetters(engine)).toHaveLength(2)
  await takePage(engine, log.add(erasureOf('gone', 's*', { isPattern: true, through: 1 })))
  expect(await erase(engine, tiny)).toBe(true)
  expect((await listDeadLetters(engine)).map(({ id }) => id)).toEqual(['other'])
  expect(await textOf(tab)).not.toContain('"s8')
})

test('an erasure takes what consumers keep for its events, and for no others', async () => {
  const tab = await openTab(createBrowser())
  const { engine } = tab
  const log = new Sequence()
  await takePage(engine, log.add(commitOf('a', ['s1', 't1'])))
  const rowsOf = (chain: string) =>
    ['a/1.0', 'a/1.1'].map((eventId, n) => ({ chain: `${chain}/x/${eventId}/`, n, value: { eventId, input: 'kept' } }))
  const chains = ['task', 'ended', 'failure']
  expect(await keep(engine.store, { put: [...chains, 'state'].flatMap(rowsOf) })).toBe(true)
  await takePage(engine, log.add(erasureOf('gone', 's')))
  expect(await erase(engine, tiny)).toBe(true)
  const left = await Promise.all(chains.map((chain) => listKept(engine.store, `${chain}/`)))
  expect(left.flat().map(({ value }) => (value as { eventId: string }).eventId)).toEqual(['a/1.1', 'a/1.1', 'a/1.1'])
  expect(await listKept(engine.store, 'state/')).toHaveLength(2)
})

test('an erasure of which some was written is due until all is', async () => {
  const browser = createBrowser()
  let writes = 0
  const tab = await openTab(browser, {
    wrap: before(async (requests) => {
      if (isErasing(requests) && ++writes === 2) throw new Error('killed')
    }),
  })
  const log = new Sequence()
  const { fraction } = seededRandom(7)
  // What is left of a part is large as well.
  const noise = Array.from({ length: 37_000 }, () => Math.floor(fraction() * 36).toString(36)).join('')
  const events = [
    { ...eventOf('s1'), data: 'secret' },
    { ...eventOf('t1'), data: noise },
  ]
  const commits = Array.from({ length: 200 }, (_, nth) => ({ ...commitOf(`c${nth}`, ['s1']), events }))
  for (const commit of commits) await takePage(tab.engine, log.add(commit))
  await takePage(tab.engine, log.add(erasureOf('gone', 's')))
  await putSnapshot(tab.engine, 'view', { position: 1, state: '{}', revision: tab.engine.view.revision })
  await expect(erase(tab.engine, { ...tiny, max: 2 })).rejects.toThrow('killed')
  expect(writes).toBe(2)
  const next = await openTab(browser)
  expect(await textOf(next)).toContain('secret')
  expect([await mustErase(next.engine), next.engine.view.erased.through]).toEqual([true, 0])
  expect(await erase(next.engine, wide)).toBe(true)
  expect(await textOf(next)).not.toContain('secret')
  expect([await mustErase(next.engine), await getSnapshot(next.engine.store, 'view')]).toEqual([false, undefined])
})

test('a snapshot that was made before an erasure is not kept behind it', async () => {
  const browser = createBrowser()
  const [tab, deaf] = [await openTab(browser), await openTab(browser)]
  browser.channels.isLost = () => true
  const log = new Sequence()
  await takePage(tab.engine, log.add(commitOf('a', ['s1'])))
  await deaf.engine.catchUp()
  const { revision } = deaf.engine.view
  await takePage(tab.engine, log.add(erasureOf('gone', 's')))
  expect(await erase(tab.engine, tiny)).toBe(true)
  for (const { engine } of [tab, deaf]) {
    await putSnapshot(engine, 'view', { position: 1, state: '{"state":"s1"}', revision })
    expect(await getSnapshot(engine.store, 'view')).toBeUndefined()
  }
  const now = { position: 2, state: '{"state":""}', revision: deaf.engine.view.revision }
  await putSnapshot(deaf.engine, 'view', now)
  expect(await getSnapshot(deaf.engine.store, 'view')).toEqual(now)
})

test('an erasure keeps what it made conflict, without what was erased', async () => {
  const tab = await openTab(createBrowser())
  const { engine } = tab
  const log = new Sequence()
  await takePage(engine, log.add(commitOf('a', ['s1'])))
  await tab.append(callOf('mine', ['s8'], { expectedVersion: 1 }))
  await takePage(engine, log.add(commitOf('b', ['s2', 't2']), erasureOf('gone', 's')))
  await rebase(engine)
  expect(await erase(engine, tiny)).toBe(true)
  const [letter] = await listDeadLetters(engine)
  expect(letter).toMatchObject({
    id: 'mine',
    reason: { type: 'Conflict', events: [{ data: null, isErased: true }, { type: '$erased' }] },
  })
  expect(letter?.commit).toContain('"s8"')
  expect(engine.view.dead.has('mine')).toBe(true)
  expect(await textOf(tab)).not.toMatch(/"s1"|"s2"/)
})

test('what was kept long enough takes no letter with it that was never in the log', async () => {
  const tab = await openTab(createBrowser())
  const { engine } = tab
  const log = new Sequence()
  await tab.append(callOf('mine', ['s8'], { failIfEventsMatch: { types: ['T1'] } }))
  await takePage(engine, log.add(commitOf('a', ['s1']), commitOf('b', ['s2'])))
  await rebase(engine)
  await takePage(engine, log.add(erasureOf('old', 's*', { isPattern: true, through: 1 })))
  expect(await erase(engine, tiny)).toBe(true)
  expect((await listDeadLetters(engine)).map(({ id, commit }) => [id, commit.includes('"s8"')])).toEqual([
    ['mine', true],
  ])
  expect(await textOf(tab)).not.toContain('"s1"')
})

test('an erasure in a segment of the server takes what was pending when the log was sealed', async () => {
  const browser = createBrowser()
  const tab = await openTab(browser)
  const { engine } = tab
  const log = new Sequence()
  await takePage(engine, log.add(commitOf('a', ['t1', 't2', 't3'])))
  await tab.append(callOf('mine', ['s8']))
  expect(await seal(engine, tiny)).toBe(true)
  await withdraw(engine, 'mine')
  const { head } = log
  const commits = [commitOf('b', ['t4']), erasureOf('gone', 's')]
  const { last: _, ...packed } = await packSegment(
    commits.map((commit, at) => ({ commit, first: head.position + 1 + at, revision: 0 })),
    () => 0,
    async () => {},
  )
  const { through } = log.add(...commits)
  const file = { ...packed, last: through.position, digest: through.digest, directory: packed.directory.buckets() }
  expect(await takeSegment(engine, { file, digestBefore: head.digest } as never)).toBe(true)
  expect(await textOf(tab)).toContain('"s8')
  expect(await erase(engine, tiny)).toBe(true)
  expect(await textOf(tab)).not.toContain('"s8')
  expect(await mustErase((await openTab(browser)).engine)).toBe(false)
})

test('an append that is repeated after its data was erased is known', async () => {
  const tab = await openTab(createBrowser(), { synced: false })
  await tab.append(callOf('a', ['s1', 't1']))
  await tab.append([JSON.stringify(erasureOf('gone', 's')), '{"options":{}}'])
  expect(await erase(tab.engine, tiny)).toBe(true)
  const [same] = await tab.append(callOf('a', ['s1', 't1']))
  expect(same).toMatchObject({ ok: true, first: 1, known: expect.stringContaining('isErased') })
  for (const events of [['s1', 't2'], ['u1', 't1'], ['s1']])
    expect(await tab.append(callOf('a', events))).toMatchObject([{ ok: false, reason: { type: 'IdTaken' } }])
})

test('an erased event has no data', () => {
  const { events, ...commit } = commitOf('a', ['s1'])
  const erased = (data: unknown) => ({ ...commit, events: events.map((one) => ({ ...one, data, isErased: true })) })
  expect([isCommit(erased(null)), isCommit(erased('s1')), isCommit(erased({}))]).toEqual([true, false, false])
})

test('an erasure of another log that goes up to a position removes nothing where it is imported', async () => {
  const source = await openTab(createBrowser(), { synced: false })
  await source.append(callOf('a', ['s1', 's2']))
  await source.append([JSON.stringify(erasureOf('old', 's*', { isPattern: true, through: 2 })), '{"options":{}}'])
  await source.append([JSON.stringify(erasureOf('all', 't')), '{"options":{}}'])
  const { file } = await exportSegment(source.engine, 0)
  const target = await openTab(createBrowser(), { synced: false })
  await target.append(callOf('own', ['s8', 's9', 't9']))
  for (const _ of ['first', 'again'])
    expect(await importSegment(target.appender, file as never)).toMatchObject({ commits: 3, refused: [] })
  expect(await erase(target.engine, tiny)).toBe(true)
  const left = await readWhole(target.reader, {})
  expect(left.map(({ stream, data }) => [stream, data])).toEqual([
    ['s', 's8'],
    ['s', 's9'],
    ['t', null],
    ['s', 's1'],
    ['s', 's2'],
    ['s*', { isPattern: true, through: 0 }],
    ['t', {}],
  ])
  expect(await importSegment(source.appender, file as never)).toMatchObject({ commits: 3, refused: [] })
})

test('an erasure is carried out once, also for who opens the log at a later checkpoint', async () => {
  const browser = createBrowser()
  const tab = await openTab(browser)
  const log = new Sequence()
  await takePage(tab.engine, log.add(commitOf('a', ['s1']), erasureOf('gone', 's')))
  expect(await erase(tab.engine, tiny)).toBe(true)
  const { erased } = tab.engine.view
  await takePage(tab.engine, log.add(commitOf('b', ['t1', 't2'])))
  expect(await seal(tab.engine, tiny)).toBe(true)
  const late = await openTab(browser)
  expect([late.engine.view.erased, await mustErase(late.engine)]).toEqual([erased, false])
})

test('a stream is closed for what comes behind its end in one group, and can be erased there', async () => {
  const tab = await openTab(createBrowser(), { synced: false })
  const end: Commit = { ...commitOf('end', ['s1']), events: [{ type: '$closed', stream: 's', data: {} }] }
  const answers = await tab.append(
    callOf('before', ['s1']),
    [JSON.stringify(end), '{"options":{}}'],
    callOf('late', ['s2']),
    [JSON.stringify(erasureOf('gone', 's')), '{"options":{}}'],
    callOf('other', ['t1']),
  )
  expect(answers.map((answer) => (answer.ok ? 'ok' : answer.reason.type))).toEqual([
    'ok',
    'ok',
    'StreamClosed',
    'ok',
    'ok',
  ])
})
