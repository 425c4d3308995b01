// What tabs tell each other, and what they do when they miss it.

import { unwrap, type View } from 'tidelog'
import { expect, test } from 'vitest'
import { newKey, note, openNotes, texts } from './notes.ts'
import { listen, rawStore } from './raw.ts'
import * as spy from './spy.ts'

const one = (text: string) => note(text, { topic: 'one' })

const reaches = <S>(view: View<S>, isThere: (state: S) => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (isThere(view.get())) resolve()
    }
    view.subscribe(look)
    look()
  })

test('a second tab sees commits from their notices alone, without looking at the disk', async () => {
  const key = newKey()
  const writer = openNotes(key)
  const reader = new spy.SpiedTab(key)
  const view = reader.log.view(texts, { topic: 'one' })
  await Promise.all([view.ready, writer.ready])
  await reader.since('transaction')
  const written = Array.from({ length: 20 }, (_, at) => `${at}`)
  for (const [at, text] of written.entries()) {
    unwrap(await writer.append('diary', [one(text)]))
    await reaches(view, (state) => state.length === at + 1)
  }
  expect(view.get()).toEqual(written)
  // Now and then the page asks before its worker has heard the notice, and the worker looks. It never polls.
  expect((await reader.since('transaction')).length).toBeLessThan(written.length)
})

test('a commit too large for a notice is fetched', async () => {
  const key = newKey()
  const writer = openNotes(key)
  const reader = new spy.SpiedTab(key)
  const view = reader.log.view(texts, { topic: 'one' })
  await Promise.all([view.ready, writer.ready])
  await reader.since('transaction')
  const long = 'x'.repeat(20_000)
  unwrap(await writer.append('diary', [one(long)]))
  await reaches(view, (state) => state.length === 1)
  expect(view.get()).toEqual([long])
  expect(await reader.since('transaction')).toContain(spy.catchUp)
})

test('a missed notice is healed by the next one', async () => {
  const key = newKey()
  const writer = openNotes(key)
  const reader = new spy.SpiedTab(key)
  const view = reader.log.view(texts, { topic: 'one' })
  await Promise.all([view.ready, writer.ready])
  await reader.order({ kind: 'deaf', isDeaf: true })
  unwrap(await writer.append('diary', [one('missed')]))
  // The page heard the notice and its worker did not: the page's own question heals that one.
  await reaches(view, (state) => state.length === 1)
  await reader.order({ kind: 'deaf', isDeaf: true })
  unwrap(await writer.append('other', [note('missed by the scope too')]))
  unwrap(await writer.append('other', [note('also missed')]))
  await view.waitFor((await writer.logHead()).marker)
  await reader.order({ kind: 'deaf', isDeaf: false })
  unwrap(await writer.append('diary', [one('heard')]))
  await reaches(view, (state) => state.length === 2)
  expect(view.get()).toEqual(['missed', 'heard'])
  expect((await reader.log.read().all()).events).toEqual((await writer.read().all()).events)
})

test('a tab that hears nothing at all still answers with what is on the disk', async () => {
  const key = newKey()
  const writer = openNotes(key)
  const reader = new spy.SpiedTab(key)
  await Promise.all([reader.log.ready, writer.ready])
  await reader.order({ kind: 'deaf', isDeaf: true })
  const { events } = unwrap(await writer.append('diary', [one('a')]))
  expect((await reader.log.read().all()).events).toEqual(events)
  expect(await reader.log.streamHead('diary')).toEqual({ version: 1, confirmed: 1 })
  const out = await reader.log.append('diary', [one('b')], { expectedVersion: 1 })
  expect(unwrap(out).receipt.versions).toEqual({ diary: 2 })
})

test('AE-7 notices go out after the commit, in order and without a gap, and never for what was refused', async () => {
  const key = newKey()
  const tabs = [openNotes(key), openNotes(key)] as const
  await Promise.all(tabs.map((tab) => tab.ready))
  const { heard, stop } = await listen(key)
  let last = unwrap(await tabs[0].append('diary', [one('first')])).receipt.head
  const alone = 4
  for (let at = 0; at < 10; at++) {
    const [log, other] = at < alone || at % 2 === 0 ? tabs : [tabs[1], tabs[0]]
    last = unwrap(await log.append('diary', [one(`${at}`)], { expectedVersion: at + 1 })).receipt.head
    expect((await other.append('diary', [one('refused')], { expectedVersion: at })).ok).toBe(false)
    expect((await log.append('diary', [one('refused')], { failIfEventsMatch: {} })).ok).toBe(false)
  }
  const view = tabs[1].view(texts, { topic: 'one' })
  await view.waitFor(last)
  const moved = heard.filter(({ kind }) => kind === 'moved')
  const { keys } = await rawStore(key, 'writes')
  // Two writes of one worker within 10 ms share a notice, so one may say more than one write; nothing is left unsaid.
  const said = moved.flatMap(({ previous, head }) =>
    Array.from({ length: Number(head) - Number(previous) }, (_, at) => Number(previous) + 1 + at),
  )
  expect([...new Set(said)].sort((a, b) => a - b)).toEqual(keys)
  // Of two workers the later one may be heard first: who hears it reads what it lacks.
  const heads = moved.map(({ head }) => Number(head))
  const ofOne = heads.slice(
    0,
    heads.findIndex((head) => head > alone),
  )
  expect(ofOne).toEqual([...ofOne].sort((a, b) => a - b))
  expect(moved.length).toBeLessThanOrEqual(keys.length)
  stop()
})
