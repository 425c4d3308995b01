// Notices come over a channel that every script of the origin can speak on, and tabs of other versions do.
import fc from 'fast-check'
import { defineEvents, defineLog, defineProjection, event, type, unwrap } from 'tidelog'
import { describe, expect, test } from 'vitest'
import type { Channel } from '../src/core/ports.ts'
import { channelName, isNotice, type MovedNotice } from '../src/protocol/notice.ts'
import { databaseName } from '../src/protocol/worker.ts'
import { createMemoryDatabase } from '../src/store/memory-store.ts'
import { MemoryChannels } from '../src/testing/memory-channels.ts'
import { MemoryLocks } from '../src/testing/memory-locks.ts'
import { openMemoryTab } from '../src/testing/memory-tab.ts'
import { seededRandom } from '../src/testing/seeded-random.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'
import { mutated, mutatedJson, mutatedText } from './fuzz/mutate.ts'
import { fuzz, fuzzTimeoutMs } from './fuzz/run.ts'

const events = defineEvents({ Noted: event(type<{ text: string }>(), { stream: () => 'notes' }) })
const model = defineLog({ name: 'notes', events })
const notes = defineProjection(events, {
  name: 'notes',
  version: 1,
  initial: [] as readonly string[],
  on: { Noted: (all, { data }) => [...all, data.text] },
})

/** Two tabs with a view each, and somebody else on their channel. */
async function open(hear: (message: unknown) => void = () => {}) {
  const clock = new VirtualClock()
  const channels = new MemoryChannels()
  const database = createMemoryDatabase('db')
  const browser = {
    ...{ clock, database, locks: new MemoryLocks(clock), openChannel: channels.open },
    ...{ random: seededRandom(1), hostRandom: seededRandom(2) },
  }
  const [first, second] = [openMemoryTab(model, browser), openMemoryTab(model, browser)]
  const other: Channel = channels.open(channelName(databaseName('notes', '')), hear)
  const views = [first, second].map((log) => log.view(notes))
  await Promise.all(views.map(({ ready }) => ready))
  const append = async (log: typeof first, text: string) => unwrap(await log.append([events.Noted({ text })]))
  return { channels, clock, database, first, second, other, views, append }
}

const link = { state: 'live', sent: 0, serverHead: 0, failures: 0 }
const others: readonly unknown[] = [
  { v: 1, kind: 'contended' },
  { v: 1, kind: 'sync', database: 'db', link },
  { v: 1, kind: 'sync-request', database: 'db', wish: 'now' },
  { v: 1, kind: 'sync-request', database: 'db', credentials: { authorization: 'Bearer x' } },
]

/** The notice of the second write of {@link open}'s tabs: ids and times there are the same in every run. */
async function secondNotice(): Promise<MovedNotice> {
  const heard: MovedNotice[] = []
  const { first, second, append, clock } = await open((message) => {
    if (isNotice(message) && message.kind === 'moved') heard.push(message)
  })
  await append(first, 'one')
  await clock.pass(10)
  await append(second, 'two')
  await clock.pass(10)
  await Promise.resolve()
  const found = heard.find(({ head }) => head === 2)
  if (found?.row?.kind !== 'append') throw new Error('the second write is told of without its row')
  return found
}
const second = await secondNotice()
const { row } = second
const commits = row?.kind === 'append' ? row.commits : ''
const anyNotice = fc.oneof(
  { weight: 3, arbitrary: mutated(second) },
  { weight: 3, arbitrary: mutatedText(commits).map((text) => ({ ...second, row: { ...row, commits: text } })) },
  { weight: 1, arbitrary: mutatedJson(commits).map((text) => ({ ...second, row: { ...row, commits: text } })) },
  { weight: 2, arbitrary: fc.constantFrom(...others).chain(mutated) },
)

/** How many events a notice brings, if it brings any that could be taken for those of the write. */
const isPlausible = (notice: unknown): boolean => {
  const given = isNotice(notice) && notice.kind === 'moved' ? notice.row : undefined
  return given?.kind === 'append' && given.commits !== commits
}

describe('a tab that hears anything that is nearly a notice', { timeout: fuzzTimeoutMs }, () => {
  test('goes on, writes nothing of it, and shows in the end what is on disk', async () => {
    await fuzz('notice', anyNotice, async (notice) => {
      const { channels, clock, database, first, second, other, append, views } = await open()
      await append(first, 'one')
      await clock.pass(10)
      // Of this write the first tab hears only what somebody made of it.
      channels.isLost = () => true
      await append(second, 'two')
      await clock.pass(10)
      channels.isLost = () => false
      other.post(notice)
      await Promise.resolve()
      await append(first, 'three')
      await append(second, 'four')
      const fresh = openMemoryTab(model, {
        ...{ clock: new VirtualClock(), database, locks: new MemoryLocks(new VirtualClock()) },
        ...{ random: seededRandom(4), openChannel: new MemoryChannels().open },
      })
      const texts = ['one', 'two', 'three', 'four']
      const shown = await fresh.read().all()
      expect(shown.events.map(({ data }) => data.text)).toEqual(texts)
      expect(shown.events.map(({ position }) => position)).toEqual([1, 2, 3, 4])
      for (const log of [first, second]) {
        const { events } = await log.read({ unknown: 'yield' }).all()
        // Another text of the same shape is believed by the tab that heard it, until it opens again.
        if (!isPlausible(notice)) expect(events.map(({ data }) => data)).toEqual(texts.map((text) => ({ text })))
        expect(events.map(({ position }) => position)).toEqual([1, 2, 3, 4])
      }
      const marker = (await second.logHead()).marker
      expect(await views[1]?.waitFor(marker)).toEqual(texts)
      return isNotice(notice)
    })
  })
})
