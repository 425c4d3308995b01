// Promises 1 and 2: workers that race for every revision, judged by what one writer after the other would have got.

import { unwrap } from 'tidelog'
import { expect, test } from 'vitest'
import { type NotesLog, newKey, note, openNotes } from './notes.ts'
import { databaseOf, listen, rawStore } from './raw.ts'
import * as spy from './spy.ts'

const tabsOf = (key: string, count: number): readonly NotesLog[] => Array.from({ length: count }, () => openNotes(key))

/** An append that was tried, with what its condition spoke of. */
type Tried = { readonly text: string; readonly ok: boolean } & (
  | { readonly kind: 'any' }
  | { readonly kind: 'version'; readonly expected: number; readonly actual?: number }
  | { readonly kind: 'query'; readonly topic: string; readonly after: number; readonly blockers?: readonly unknown[] }
)

/** Tries one append; what it expects was read before and may be stale by then. */
async function attempt(log: NotesLog, text: string, turn: number): Promise<Tried> {
  const topic = `t${turn % 3}`
  const event = note(text, { topic })
  if (turn % 3 === 0) return { kind: 'any', text, ok: (await log.append('shared', [event])).ok }
  if (turn % 3 === 1) {
    const { version } = await log.streamHead('shared')
    const out = await log.append('shared', [event], { expectedVersion: version })
    if (out.ok) return { kind: 'version', text, ok: true, expected: version }
    const actual = out.reason.type === 'VersionConflict' ? out.reason.actual : -1
    return { kind: 'version', text, ok: false, expected: version, actual }
  }
  const query = { tags: { topic } }
  const head = await log.read({ query, limit: 0 }).head
  const out = await log.append('shared', [event], { failIfEventsMatch: query, after: head })
  const tried = { kind: 'query', text, topic, after: head.confirmed, ok: out.ok } as const
  return out.ok ? tried : { ...tried, blockers: out.reason.type === 'ConditionConflict' ? out.reason.events : [] }
}

test('four racing workers get what one writer after the other would have got, and lose races on the way', async () => {
  const key = newKey()
  const tabs = tabsOf(key, 4)
  await Promise.all(tabs.map((tab) => tab.ready))
  const { heard, stop } = await listen(key)
  const run = async (log: NotesLog, name: string): Promise<readonly Tried[]> => {
    const tried: Tried[] = []
    for (let turn = 0; turn < 54; turn++) tried.push(await attempt(log, `${name}${turn}`, turn))
    return tried
  }
  const tried = (await Promise.all(tabs.map((log, at) => run(log, 'abcd'[at] ?? '')))).flat()
  await Promise.all(tabs.map((log) => log.close()))

  const { events } = await openNotes(key).read().all()
  expect(events.map(({ position }) => position)).toEqual(events.map((_, at) => at + 1))
  expect(events.map(({ version }) => version)).toEqual(events.map((_, at) => at + 1))
  const written = events.map((event) => (event.type === 'NoteTaken' ? event.data : undefined))
  const accepted = tried.filter(({ ok }) => ok)
  expect(written.map((data) => data?.text).sort()).toEqual(accepted.map(({ text }) => text).sort())
  for (const one of tried) {
    const at = written.findIndex((data) => data?.text === one.text)
    if (one.kind === 'any') expect(one.ok).toBe(true)
    // The oracle: the condition held of the log as it was just before the event, and of a refused one it did not hold.
    if (one.kind === 'version' && one.ok) expect(at).toBe(one.expected)
    if (one.kind === 'version' && !one.ok) expect(one.actual).toBeGreaterThan(one.expected)
    if (one.kind === 'query') {
      const since = written.slice(one.after, at < 0 ? undefined : at).filter((data) => data?.topic === one.topic)
      if (one.ok) expect(since).toEqual([])
      else expect([since.length > 0, (one.blockers ?? []).length > 0]).toEqual([true, true])
    }
  }
  const { keys } = await rawStore(key, 'writes')
  expect(keys).toEqual(accepted.map((_, at) => at + 1))
  expect(heard.filter(({ kind }) => kind === 'contended').length).toBeGreaterThan(0)
  expect(tried.filter(({ ok }) => !ok).length).toBeGreaterThan(0)
  stop()
})

test('contention is fair: no tab is starved while four write as fast as they can', async ({ annotate }) => {
  const key = newKey()
  const tabs = tabsOf(key, 4)
  await Promise.all(tabs.map((tab) => tab.ready))
  const end = Date.now() + 1_500
  const counts = await Promise.all(
    tabs.map(async (log, at) => {
      let count = 0
      for (; Date.now() < end; count++) unwrap(await log.append(`s${at}`, [note('x')]))
      return count
    }),
  )
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
  await annotate(`appends of each tab: ${counts.join(', ')}; slowest / mean ${(Math.min(...counts) / mean).toFixed(2)}`)
  expect(Math.min(...counts)).toBeGreaterThan(mean * 0.1)
  expect((await rawStore(key, 'writes')).keys).toHaveLength(counts.reduce((sum, count) => sum + count, 0))
})

test('DCB-4 of eight writers that race for one boundary over four tabs exactly one wins, a hundred times', async () => {
  const key = newKey()
  const tabs = tabsOf(key, 4)
  await Promise.all(tabs.map((tab) => tab.ready))
  const wins: number[] = []
  for (let round = 0; round < 100; round++) {
    const topic = `seat-${round}`
    const racing = [...tabs, ...tabs].map((log, at) =>
      log.append(`booking-${round}-${at}`, [note(`${at}`, { topic })], { failIfEventsMatch: { tags: { topic } } }),
    )
    wins.push((await Promise.all(racing)).filter(({ ok }) => ok).length)
  }
  expect(wins).toEqual(wins.map(() => 1))
  const { events } = await openNotes(key).read().all()
  const topics = events.map((event) => (event.type === 'NoteTaken' ? event.data.topic : ''))
  expect(topics).toEqual(wins.map((_, round) => `seat-${round}`))
})

test('writers take turns only after a lost race', async () => {
  const key = newKey()
  const tab = new spy.SpiedTab(key)
  await tab.log.ready
  for (let at = 0; at < 5; at++) unwrap(await tab.log.append('diary', [note(`${at}`)]))
  expect((await tab.since('lock')).filter((name) => name.endsWith('/turn'))).toEqual([])
  const other = openNotes(key)
  await other.ready
  const { heard, stop } = await listen(key)
  await tab.order({ kind: 'deaf', isDeaf: true })
  const blind = async (): Promise<void> => {
    unwrap(await other.append('diary', [note('unheard')]))
    unwrap(await tab.log.append('diary', [note('late')]))
    if (!heard.some(({ kind }) => kind === 'contended')) await blind()
  }
  await blind()
  unwrap(await tab.log.append('diary', [note('in turn')]))
  const locks = (await tab.since('lock')).filter((name) => name.endsWith('/turn'))
  expect(locks.length).toBeGreaterThan(0)
  stop()
})

test('a frozen holder of the turn delays an append for no longer than its time-out', async () => {
  const key = newKey()
  const tab = new spy.SpiedTab(key)
  const { marker } = await tab.log.logHead()
  expect(marker.revision).toBe(0)
  const name = await databaseOf(key)
  let thaw = (): void => {}
  const frozen = new Promise<void>((resolve) => {
    thaw = resolve
  })
  await new Promise<void>((held) => {
    void navigator.locks.request(`${name}/turn`, () => {
      held()
      return frozen
    })
  })
  const channel = new BroadcastChannel(`tidelog/v1/${name}`)
  channel.postMessage({ v: 1, kind: 'contended' })
  await tab.since('lock')
  const start = Date.now()
  unwrap(await tab.log.append('diary', [note('a')]))
  const took = Date.now() - start
  expect((await tab.since('lock')).filter((lock) => lock.endsWith('/turn'))).toHaveLength(1)
  expect(took).toBeLessThan(1_000)
  thaw()
  channel.close()
})
