import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Commit } from '../core/commit.ts'
import type { AppendText } from '../protocol/worker.ts'
import { eraseInCommit } from '../segments/erase-part.ts'
import { takePage } from './confirm.ts'
import { listDeadLetters } from './dead-letters.ts'
import { deciders } from './deciders.fixture.ts'
import { erase, mustErase } from './erase.ts'
import { callOf, commitOf, createBrowser, openTab, readWhole, Sequence, type Tab } from './log.fixture.ts'
import { rebase, withdraw } from './rebase.ts'
import { seal } from './seal.ts'
import { getSnapshot, putSnapshot } from './snapshots.ts'

const tiny = { from: 2, max: 4, smallMax: 2, keptRows: 0 }
const erasureOf = (id: string, stream: string, data: object = {}): Commit => ({
  ...commitOf(id, ['s1']),
  events: [{ type: '$erased', stream, data }],
})
const withDesk = (commit: Commit): Commit => ({ ...commit, metadata: { desk: `desk of ${commit.id}` } })

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

const events = fc.array(fc.constantFrom('s1', 's2', 't1', 'u1', 'v1'), { minLength: 1, maxLength: 4 })
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('pull' as const), commits: fc.array(events, { minLength: 1, maxLength: 4 }) }),
    fc.record({
      kind: fc.constant('erased' as const),
      stream: fc.constantFrom('s', 't', 'u'),
      isPattern: fc.boolean(),
    }),
    fc.record({ kind: fc.constantFrom('append' as const, 'withdraw' as const), events }),
    fc.record({ kind: fc.constantFrom('seal' as const, 'erase' as const, 'open' as const) }),
  ),
  { minLength: 4, maxLength: 25 },
)

/** The log as it should be: erasures looked for in it, one after the other. */
function oracle(commits: readonly Commit[]): readonly Commit[] {
  let all = commits
  let position = 0
  for (const commit of commits) {
    for (const { type, stream, data } of commit.events) {
      position++
      if (type !== '$erased') continue
      const { isPattern } = data as { isPattern?: true }
      const through = position - 1
      let at = 1
      all = all.map((one) => {
        const first = at
        at += one.events.length
        return eraseInCommit(one, first, (event, where) => {
          const isOf = isPattern ? event.stream.startsWith(stream.slice(0, -1)) : event.stream === stream
          return event.type[0] !== '$' && where <= through && isOf
        })
      })
    }
  }
  return all
}

describe('erasing', () => {
  test('leaves the log as it was but for what it removes, whoever opened it when', async () => {
    let erased = 0
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const browser = createBrowser()
        const tabs = [await openTab(browser, { deciders }), await openTab(browser, { deciders })]
        const log = new Sequence()
        let count = 0
        for (const [at, step] of all.entries()) {
          const tab = tabs[at % tabs.length] as Tab
          const { engine } = tab
          await engine.catchUp()
          const id = `c${++count}`
          if (step.kind === 'pull')
            await takePage(engine, log.add(...step.commits.map((of, n) => withDesk(commitOf(`${id}.${n}`, of)))))
          else if (step.kind === 'erased') {
            const [stream, data] = step.isPattern ? [`${step.stream}*`, { isPattern: true }] : [step.stream, {}]
            await takePage(engine, log.add(erasureOf(id, stream, data)))
          } else if (step.kind === 'append') await tab.append(callOf(id, step.events))
          else if (step.kind === 'withdraw') {
            await tab.append(callOf(id, step.events))
            await withdraw(engine, id)
          } else if (step.kind === 'seal') await seal(engine, tiny)
          else if (step.kind === 'erase') await erase(engine, tiny)
          else tabs.push(await openTab(browser, { deciders }))
        }
        const last = tabs.at(-1) as Tab
        await last.engine.catchUp()
        expect(await erase(last.engine, tiny)).toBe(true)
        expect(await mustErase(last.engine)).toBe(false)
        const wanted = oracle(log.commits)
        const facts = wanted.flatMap((commit) =>
          commit.events.map((event) => ({ ...event, desk: commit.metadata?.desk })),
        )
        erased += facts.filter(({ isErased }) => isErased).length
        for (const tab of [...tabs, await openTab(browser)]) {
          await tab.engine.catchUp()
          const read = (await readWhole(tab.reader, {})).filter(({ position }) => position !== undefined)
          expect(
            read.map(({ type, stream, data, tags, isErased, metadata }) => ({
              type,
              stream,
              data,
              tags,
              isErased,
              desk: metadata?.desk,
            })),
          ).toEqual(
            facts.map(({ type, stream, data, tags, isErased, desk }) => ({ type, stream, data, tags, isErased, desk })),
          )
          expect(read.map(({ position }) => position)).toEqual(facts.map((_, nth) => nth + 1))
          const versions = new Map<string, number>()
          for (const { stream, version } of read) {
            expect(version).toBe((versions.get(stream) ?? 0) + 1)
            versions.set(stream, version)
          }
        }
        const text = await textOf(last)
        for (const commit of wanted)
          if (commit.metadata === undefined && commit.events.some(({ isErased }) => isErased))
            expect(text).not.toContain(`desk of ${commit.id}"`)
      }),
      { numRuns: Number(process.env.TIDELOG_RUNS ?? 100) },
    )
    expect(erased).toBeGreaterThan(0)
  })

  test('keeps what is pending for the stream: it comes later', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    await takePage(tab.engine, log.add(commitOf('a', ['s1'])))
    await tab.append(callOf('mine', ['s2']))
    await takePage(tab.engine, log.add(erasureOf('gone', 's')))
    expect(await erase(tab.engine, tiny)).toBe(true)
    expect((await readWhole(tab.reader, { stream: 's' })).map(({ data }) => data)).toEqual([null, {}, 's2'])
  })

  test('takes snapshots and dead letters with it, in the write that removes the data', async () => {
    const tab = await openTab(createBrowser())
    const { engine } = tab
    const log = new Sequence()
    await takePage(engine, log.add(commitOf('a', ['s1', 't1'])))
    await putSnapshot(engine, 'view', { position: 2, state: '{"state":1}', revision: engine.view.revision })
    await tab.append(callOf('mine', ['s2'], { failIfEventsMatch: { types: ['T9'] } }))
    await tab.append(callOf('other', ['t2'], { failIfEventsMatch: { types: ['T9'] } }))
    await takePage(engine, log.add(commitOf('foreign', ['t9'])))
    await rebase(engine)
    const letters = () => listDeadLetters(engine)
    expect((await letters()).map(({ id }) => id).sort()).toEqual(['mine', 'other'])
    await takePage(engine, log.add(erasureOf('gone', 's')))
    await erase(engine, tiny)
    expect(await getSnapshot(engine.store, 'view')).toBeUndefined()
    expect((await letters()).map(({ id }) => id)).toEqual(['other'])
    expect(await textOf(tab)).not.toMatch(/"s1"|"s2"/)
    expect(engine.view.dead.has('mine')).toBe(false)
  })

  test('is begun anew by the next worker when one ended in the middle', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser, {
      wrap: (store) => ({
        ...store,
        run: async (requests, options) => {
          const isErasing = requests.some((one) => 'row' in one && 'kind' in one.row && one.row.kind === 'erase')
          if (isErasing) throw new Error('killed')
          return store.run(requests, options)
        },
      }),
    })
    const log = new Sequence()
    await takePage(tab.engine, log.add(commitOf('a', ['s1', 't1'])))
    await takePage(tab.engine, log.add(erasureOf('gone', 's')))
    await expect(erase(tab.engine, tiny)).rejects.toThrow('killed')
    const next = await openTab(browser)
    expect(await mustErase(next.engine)).toBe(true)
    expect(await erase(next.engine, tiny)).toBe(true)
    expect(await textOf(next)).not.toContain('"s1"')
    const late = await openTab(browser)
    expect(await mustErase(late.engine)).toBe(false)
    expect((await readWhole(late.reader, {})).map(({ isErased }) => isErased)).toEqual([true, undefined, undefined])
  })

  test('takes the metadata of a commit wherever it stands: its other events lie in other parts', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    const many = (event: string) => Array.from({ length: 150 }, () => event)
    await takePage(
      tab.engine,
      log.add(withDesk(commitOf('big', [...many('s1'), ...many('t1')])), withDesk(commitOf('other', ['t2']))),
    )
    await takePage(tab.engine, log.add(erasureOf('gone', 's')))
    expect(await erase(tab.engine, { ...tiny, max: 1_000 })).toBe(true)
    expect(await textOf(tab)).not.toMatch(/desk of big|"s1"/)
    expect(await textOf(tab)).toContain('desk of other')
  })

  test('leaves what is pending on the disk, too', async () => {
    const browser = createBrowser()
    const [tab, deaf] = [await openTab(browser), await openTab(browser)]
    browser.channels.isLost = () => true
    const log = new Sequence()
    await tab.append(callOf('first', ['s1', 't1']))
    await takePage(tab.engine, log.add({ ...commitOf('first', ['s1', 't1']) }, erasureOf('gone', 's')))
    expect(await seal(tab.engine, tiny)).toBe(true)
    // Behind the checkpoint, so that it is read from its row.
    await tab.append(callOf('mine', ['s2']))
    expect(await erase(tab.engine, tiny)).toBe(true)
    for (const one of [deaf, await openTab(browser)]) {
      const found = (await readWhole(one.reader, { stream: 's' })).map(({ data }) => data)
      expect(found).toEqual([null, {}, 's2'])
    }
    expect(await textOf(deaf)).not.toContain('"s1')
  })

  test('in a log that is its own sequencer removes what came before, and nothing behind it', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser, { synced: false })
    const gone: AppendText = [JSON.stringify(erasureOf('gone', 's')), '{"options":{}}']
    await tab.append(callOf('a', ['s1', 't1']), callOf('b', ['s2']))
    await tab.append(gone)
    for (const id of ['c', 'd', 'e', 'f']) await tab.append(callOf(id, ['s3', 't3']))
    expect(await erase(tab.engine, tiny)).toBe(true)
    expect(tab.engine.view.sealed.head.position).toBeLessThan(tab.engine.view.confirmed.head.position)
    for (const one of [tab, await openTab(browser, { synced: false })]) {
      await one.engine.catchUp()
      const found = (await readWhole(one.reader, { stream: 's' })).map(({ data }) => data)
      expect(found).toEqual([null, null, {}, 's3', 's3', 's3', 's3'])
    }
    expect(await textOf(tab)).not.toMatch(/"s1|"s2/)
  })

  test('begins again when another tab seals between', async () => {
    const browser = createBrowser()
    const other = await openTab(browser)
    let isMean = true
    const tab = await openTab(browser, {
      wrap: (store) => ({
        ...store,
        run: async (requests, options) => {
          const isErasing = requests.some((one) => 'row' in one && 'kind' in one.row && one.row.kind === 'erase')
          if (isErasing && isMean) {
            isMean = false
            await other.engine.catchUp()
            await takePage(other.engine, log.add(commitOf('between', ['t1', 's9'])))
            expect(await seal(other.engine, { ...tiny, from: 1, max: 40, smallMax: 1 })).toBe(true)
          }
          return store.run(requests, options)
        },
      }),
    })
    const log = new Sequence()
    for (const id of ['a', 'b', 'c']) await takePage(tab.engine, log.add(commitOf(id, ['s1', 't1'])))
    await takePage(tab.engine, log.add(erasureOf('gone', 's')))
    expect(await erase(tab.engine, { ...tiny, max: 40, smallMax: 9 })).toBe(true)
    expect(isMean).toBe(false)
    const late = await openTab(browser)
    expect((await readWhole(late.reader, {})).map(({ data }) => data)).toEqual([
      null,
      't1',
      null,
      't1',
      null,
      't1',
      {},
      't1',
      's9',
    ])
    expect(await textOf(late)).not.toContain('"s1"')
  })

  test('ignores an erasure that it can not read', async () => {
    const tab = await openTab(createBrowser())
    const log = new Sequence()
    await takePage(tab.engine, log.add(commitOf('a', ['s1']), erasureOf('odd', 's', { through: 'all' })))
    expect(await erase(tab.engine, tiny)).toBe(true)
    expect((await readWhole(tab.reader, {})).map(({ isErased }) => isErased)).toEqual([undefined, undefined])
    expect(await mustErase(tab.engine)).toBe(false)
  })
})

test('a stream that was closed is closed when that is sealed, and for whoever opens the log then', async () => {
  const browser = createBrowser()
  const tab = await openTab(browser, { synced: false })
  const end: Commit = { ...commitOf('end', ['s1']), events: [{ type: '$closed', stream: 's', data: {} }] }
  await tab.append(callOf('a', ['s1', 't1']))
  await tab.append([JSON.stringify(end), '{"options":{}}'])
  expect(await seal(tab.engine, tiny)).toBe(true)
  for (const one of [tab, await openTab(browser, { synced: false })]) {
    const [refused, other] = await one.append(callOf('b', ['s1']), callOf(`t${one === tab}`, ['t1']))
    expect(refused).toMatchObject({ ok: false, reason: { type: 'StreamClosed', stream: 's' } })
    expect(other?.ok).toBe(true)
  }
})

test('a stream that is closed takes nothing behind its end in the same group either', async () => {
  const tab = await openTab(createBrowser())
  const end: Commit = { ...commitOf('end', ['s1']), events: [{ type: '$closed', stream: 's', data: {} }] }
  const answers = await tab.append(
    callOf('a', ['s1']),
    [JSON.stringify(end), '{"options":{}}'],
    callOf('b', ['s2']),
    callOf('c', ['t1']),
  )
  expect(answers.map((answer) => answer.ok || answer.reason.type)).toEqual([true, true, 'StreamClosed', true])
})
