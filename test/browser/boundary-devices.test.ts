// The same over two devices: what a device has let pass is checked again by the server, which alone knows both.

import { afterEach, expect, test } from 'vitest'
import { isAbout, mustBeToBlame, mustBeWhole, mustHaveMet, mustHold, mustSayWhy } from './boundary-judge.ts'
import { type Device, inStep, join, PageServer, part } from './boundary-server.ts'
import { acceptedOf, idsOf, type Tried, writeAll } from './boundary-writer.ts'
import { type NotesLog, note } from './notes.ts'

let server = new PageServer()
afterEach(() => {
  server.stop()
  server = new PageServer()
})

/** What one commit after the other came to. */
const endsOf = <C extends { readonly by: NotesLog; readonly commitId: string }>(commits: readonly C[]) =>
  Promise.all(commits.map(async (one) => ({ ...one, end: await one.by.whenConfirmed({ commitId: one.commitId }) })))

/** The log as every device has it, also one that was not there; fails when they differ. */
async function agreedLog(devices: readonly Device[]) {
  const all = [...devices, await server.openDevice(1)]
  await inStep(all)
  const logs = await Promise.all(all.map(async ([tab]) => (await tab.read().all()).events))
  const [log = []] = logs
  for (const other of logs) expect(other).toEqual(log)
  return log
}

test.each([1, 2])(
  'DCB-5 of twenty writers on two devices each confirmed condition holds where it stands in the log, and what the server refuses is in one letter with what stood in its way: seed %i',
  {
    timeout: 60_000,
  },
  async (seed) => {
    const devices = [await server.openDevice(2), await server.openDevice(3)]
    const tabs = devices.flat()
    const tried: Tried[] = [...(await writeAll({ tabs, seed, name: 'live/', turns: 10 }))]
    for (const [tab] of devices) tab.sync.pause()
    tried.push(...(await writeAll({ tabs, seed: seed + 10, name: 'apart/', turns: 10 })))
    join(devices)

    const accepted = acceptedOf(tried)
    const ends = await endsOf(accepted)
    const log = await agreedLog(devices)
    mustBeWhole(log, tried)
    mustHold(log, accepted)
    mustSayWhy(tried)
    mustHaveMet(log, tried)
    const conflicts = ends.flatMap(({ end, ...one }) =>
      end.status === 'conflict' ? [{ ...one, events: end.events }] : [],
    )
    expect(idsOf(log)).toEqual(idsOf(ends.filter(({ end }) => end.status === 'confirmed')))
    expect(idsOf([...conflicts, ...log])).toEqual(idsOf(accepted))
    expect(conflicts.length).toBeGreaterThan(0)
    for (const { condition, events } of conflicts) {
      mustBeToBlame(condition, events)
      // What stood in its way may have been taken out itself.
      if (events.length === 0) expect(conflicts.some((gone) => isAbout(condition, gone))).toBe(true)
    }
    const letters = await Promise.all(devices.map(([tab]) => tab.deadLetters.list()))
    expect(
      letters
        .flat()
        .map(({ commitId }) => commitId)
        .sort(),
    ).toEqual(idsOf(conflicts))
  },
)

test('DCB-5 of eight writers on two devices exactly one gets each boundary, whether they hear of each other or not', {
  timeout: 60_000,
}, async () => {
  const devices = [await server.openDevice(2), await server.openDevice(2)]
  const tabs = devices.flat()
  let letters = 0
  for (let round = 0; round < 10; round++) {
    const areApart = round % 2 === 1
    if (areApart) await part(devices)
    const topics = Array.from({ length: 20 }, (_, nth) => `seat-${round}-${nth}`)
    const racing = topics.flatMap((topic) =>
      [...tabs, ...tabs].map(async (by, nth) => {
        const commitId = `${topic}/${nth}`
        const isFree = { commitId, failIfEventsMatch: { tags: { topic } } }
        return { by, commitId, topic, isKept: (await by.append('hall', [note(`${nth}`, { topic })], isFree)).ok }
      }),
    )
    const kept = (await Promise.all(racing)).filter(({ isKept }) => isKept)
    if (areApart) {
      // Each device has given each boundary once.
      expect(kept.map(({ topic }) => topic).sort()).toEqual([...topics, ...topics].sort())
      join(devices)
    }
    const ends = await endsOf(kept)
    const confirmed = ends.filter(({ end }) => end.status === 'confirmed')
    expect(confirmed.map(({ topic }) => topic).sort()).toEqual([...topics].sort())
    const lost = ends.filter(({ end }) => end.status === 'conflict')
    expect(lost.length + confirmed.length).toBe(kept.length)
    letters += lost.length
  }
  const log = await agreedLog(devices)
  expect(new Set(log.map(({ data }) => 'topic' in data && data.topic)).size).toBe(200)
  expect(log).toHaveLength(200)
  expect(letters).toBeGreaterThanOrEqual(100)
})
