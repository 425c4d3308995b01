// A view of many events is saved, so that a reload does not fold them all again; what is saved is never believed blindly.

import { defineFor, unwrap } from 'tidelog'
import { beforeAll, expect, test } from 'vitest'
import { events, newKey, note, texts } from './notes.ts'
import { type RawRow, rawPut, rawStore } from './raw.ts'
import * as spy from './spy.ts'

const topic = { topic: 'one' }
const many = Array.from({ length: 250 }, (_, at) => `${at}`)

/** A log with many events and the snapshot of its view, closed. */
async function saved(key: string) {
  const { log } = new spy.SpiedTab(key)
  unwrap(
    await log.append(
      'diary',
      many.map((text) => note(text, topic)),
    ),
  )
  expect(await log.view(texts, topic).ready).toEqual(many)
  await log.close()
  const [row] = (await rawStore(key, 'state')).rows.filter(({ chain }) => String(chain).startsWith('snapshot/'))
  if (row === undefined) throw new Error('no snapshot was saved')
  return row
}
const textsAgain = async (tab: spy.SpiedTab) => {
  await tab.log.ready
  await tab.since('transaction')
  return { state: await tab.log.view(texts, topic).ready, asked: await tab.since('transaction') }
}

test('AE-6 a view of many events goes on from its snapshot after a reload and reads no event again', async () => {
  const key = newKey()
  expect(await saved(key)).toMatchObject({ n: 0, format: 1, position: 250 })
  const { state, asked } = await textsAgain(new spy.SpiedTab(key))
  expect(state).toEqual(many)
  expect(asked).toContain(spy.getSnapshot)
  expect(asked).not.toContain(spy.readPage)
})

const damaged = newKey()
let snapshot: RawRow
beforeAll(async () => {
  snapshot = await saved(damaged)
})

test.each([
  ['is cut short', { state: '{"state":["0","1"' }],
  ['is no JSON', { state: 'nonsense' }],
  ['is empty', { state: '' }],
  ['is another value', { state: 'null' }],
  ['holds no state', { state: '{}' }],
  ['is no text', { state: 7 }],
  ['lies beyond the log', { position: 9_999 }],
  ['has no position', { position: 'x' }],
  ['has a position that can not be', { position: -1 }],
  ['is of another format', { format: 2 }],
])('a snapshot that %s is ignored, and the view is folded from the events', async (_, damage) => {
  await rawPut(damaged, 'state', { ...snapshot, ...damage })
  const { state, asked } = await textsAgain(new spy.SpiedTab(damaged))
  expect(state).toEqual(many)
  expect(asked).toContain(spy.readPage)
})

test('a snapshot of another version of the projection is not used', async () => {
  const key = newKey()
  await saved(key)
  const next = defineFor(events).projection<number, { topic: string }>({
    name: 'texts',
    version: 2,
    initial: 0,
    scope: (params) => ({ query: { tags: params } }),
    on: { NoteTaken: (count) => count + 1 },
  })
  const { log } = new spy.SpiedTab(key)
  expect(await log.view(next, topic).ready).toBe(250)
})

test('a view that goes on from a snapshot takes what came after it', async () => {
  const key = newKey()
  await saved(key)
  const { log } = new spy.SpiedTab(key)
  const { receipt } = unwrap(await log.append('diary', [note('last', topic)]))
  expect(await log.view(texts, topic).waitFor(receipt)).toEqual([...many, 'last'])
})
