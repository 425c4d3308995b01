// Promise 7: a tab that freezes right after it has asked for a transaction holds nobody up.

import { unwrap } from 'tidelog'
import { beforeAll, expect, test } from 'vitest'
import { type NotesLog, newKey, note, openNotes, texts } from './notes.ts'
import * as spy from './spy.ts'

const blockMs = 1_500

const key = newKey()
let other: NotesLog
beforeAll(async () => {
  other = openNotes(key, { forFile: true })
  const many = Array.from({ length: 250 }, (_, at) => note(`${at}`, { topic: 'one' }))
  unwrap(await other.append('diary', many))
})

/** Blocks one tab after a transaction; tells how long another tab's append took, and when the block did end then. */
async function race(
  order: { readonly what: string; readonly withoutCommit?: boolean },
  use: (log: NotesLog) => Promise<unknown>,
): Promise<{ readonly took: number; readonly left: number }> {
  const tab = new spy.SpiedTab(key)
  await tab.log.ready
  await tab.order({ kind: 'block', ms: blockMs, ...order })
  const blocked = tab.next('blocked')
  const using = use(tab.log)
  const { until } = await blocked
  const start = Date.now()
  unwrap(await other.append('diary', [note('meanwhile')]))
  const end = Date.now()
  await using
  return { took: end - start, left: until - end }
}

const append = async (log: NotesLog) => unwrap(await log.append('diary', [note('mine')]))

test.each([
  ['an append', spy.append, append],
  ['a catch-up', spy.catchUp, (log: NotesLog) => log.logHead()],
  ['a page of a read', spy.readPage, (log: NotesLog) => log.read().all()],
  ['a snapshot', spy.putSnapshot, (log: NotesLog) => log.view(texts, { topic: 'one' }).ready],
])('a tab that freezes right after %s does not hold up an append of another tab', async (_, what, use) => {
  const { took, left } = await race({ what }, use)
  expect(left).toBeGreaterThan(0)
  expect(took).toBeLessThan(1_000)
})

test.each([
  ['an append', spy.append, append],
  ['a catch-up', spy.catchUp, (log: NotesLog) => log.logHead()],
])('without commit() a tab that freezes right after %s does hold it up, so this can be seen', async (_, what, use) => {
  const { left } = await race({ what, withoutCommit: true }, use)
  expect(left).toBeLessThanOrEqual(0)
})
