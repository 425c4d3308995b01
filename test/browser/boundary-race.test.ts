// One boundary, many writers at once: who may have it is decided by the log alone.

import { seededRandom } from 'tidelog/testing'
import { expect, test } from 'vitest'
import { shuffled } from './boundary-writer.ts'
import { type NotesLog, newKey, note, openNotes } from './notes.ts'
import { listen } from './raw.ts'

const rounds = 1_000
const numbers = 400
const timeout = 120_000

/** Eight racers in four workers, and how often a write found its place taken by another worker. */
async function openRacers(key: string) {
  const tabs = Array.from({ length: 4 }, () => openNotes(key))
  await Promise.all(tabs.map(({ ready }) => ready))
  const { heard, stop } = await listen(key)
  const lostRaces = () => heard.filter(({ kind }) => kind === 'contended').length
  return { racers: [...tabs, ...tabs].map((log, nth) => ({ log, nth, worker: nth % 4 })), lostRaces, stop }
}
type Racer = Awaited<ReturnType<typeof openRacers>>['racers'][number]

const slowestOfMean = (wins: readonly number[]): number =>
  (Math.min(...wins) / wins.reduce((sum, count) => sum + count, 0)) * wins.length
const told = (wins: readonly number[], lost: number): string =>
  `wins of each worker: ${wins.join(', ')}; slowest / mean ${slowestOfMean(wins).toFixed(2)}; ${lost} lost races`

test('DCB-4 of eight writers in four workers exactly one gets each of a thousand boundaries, and no worker is starved', {
  timeout,
}, async ({ annotate }) => {
  const key = newKey()
  const { racers, lostRaces, stop } = await openRacers(key)
  const random = seededRandom(1)
  const wins = [0, 0, 0, 0]
  const winners: string[] = []
  let refused = 0
  const race = async ({ log, nth }: Racer, topic: string) => {
    const isFree = { failIfEventsMatch: { types: ['NoteTaken'], tags: { topic } } } as const
    return { nth, outcome: await log.append(`booking-${nth}`, [note(`${nth}`, { topic })], isFree) }
  }
  for (let round = 0; round < rounds; round++) {
    const topic = `seat-${round}`
    // Who is called first has an edge: the page is one thread.
    const ended = await Promise.all(shuffled(random, racers).map((racer) => race(racer, topic)))
    const won = ended.flatMap(({ nth, outcome }) => (outcome.ok ? [nth] : []))
    expect(won, topic).toHaveLength(1)
    for (const nth of won) {
      winners.push(`${topic} ${nth}`)
      wins[nth % 4] = (wins[nth % 4] ?? 0) + 1
    }
    for (const { outcome } of ended) if (!outcome.ok && outcome.reason.type === 'ConditionConflict') refused += 1
  }
  await annotate(told(wins, lostRaces()))
  const { events } = await openNotes(key).read().all()
  expect(events.map(({ data }) => 'text' in data && `${data.topic} ${data.text}`)).toEqual(winners)
  expect(refused).toBe(rounds * 7)
  expect(lostRaces()).toBeGreaterThan(0)
  expect(slowestOfMean(wins)).toBeGreaterThanOrEqual(0.5)
  stop()
})

test('DCB-4 of eight writers that read one boundary and write behind it as fast as they can, exactly one follows each event, and no worker is starved', {
  timeout,
}, async ({ annotate }) => {
  const key = newKey()
  const { racers, lostRaces, stop } = await openRacers(key)
  const query = { tags: { topic: 'counter' } } as const
  const wins = [0, 0, 0, 0]
  let refused = 0
  /** The number behind the last one, and the head that it was read at. */
  const next = async (log: NotesLog) => {
    const { events, head } = await log.read({ query, direction: 'backwards', limit: 1 }).all()
    const [last] = events
    return { number: last !== undefined && 'text' in last.data ? Number(last.data.text) + 1 : 0, head }
  }
  const race = async ({ log, nth, worker }: Racer): Promise<void> => {
    for (;;) {
      const { number, head } = await next(log)
      if (number >= numbers) return
      const facts = [note(`${number}`, { topic: 'counter' })]
      const outcome = await log.append(`counts-${nth}`, facts, { failIfEventsMatch: query, after: head })
      if (outcome.ok) wins[worker] = (wins[worker] ?? 0) + 1
      else refused += 1
    }
  }
  await Promise.all(racers.map(race))
  await annotate(`${told(wins, lostRaces())}; ${refused} refused`)
  const { events } = await openNotes(key).read().all()
  const counted = events.map(({ data }) => 'text' in data && Number(data.text))
  expect(counted).toEqual(Array.from({ length: numbers }, (_, number) => number))
  expect(refused).toBeGreaterThan(0)
  expect(lostRaces()).toBeGreaterThan(0)
  expect(slowestOfMean(wins)).toBeGreaterThanOrEqual(0.5)
  stop()
})
