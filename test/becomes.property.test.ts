// A log that an old app wrote, read by an app whose upcasters make several events of one, against the same history written
// with the events of today.

import fc from 'fast-check'
import { unwrap } from 'tidelog'
import { openReadModel } from 'tidelog/read-model'
import { subscribe } from 'tidelog/subscribe'
import { createMemoryDatabase, memoryLog } from 'tidelog/testing'
import { expect, test } from 'vitest'
import { before, cities, events, move, names, newApp, oldApp, people, profile, rename, story } from './people.ts'

const id = fc.constantFrom('1', '2')
const name = fc.constantFrom('Ann', 'Bo', 'Cy')
const city = fc.constantFrom('Oslo', 'Rome')
/** What an old app appended, and what that is today; `new` is appended by a new app in both histories. */
const happened = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('profile'), id, name: fc.option(name), city: fc.option(city) }),
  },
  fc.record({ kind: fc.constant('joined'), id, name }),
  fc.record({ kind: fc.constant('pinged'), id }),
  fc.record({ kind: fc.constant('new'), id, name }),
)
type Happened = { kind: string; id: string; name?: string | null; city?: string | null }
const older = ({ kind, id, name, city }: Happened) => {
  if (kind === 'profile') return profile(id, name ?? undefined, city ?? undefined)
  return kind === 'pinged' ? before.Pinged({ id }) : before.Joined({ id, name: name ?? '' })
}
const today = ({ kind, id, name, city }: Happened) => [
  ...(kind === 'joined' ? [events.Joined({ id })] : []),
  ...(name ? [events.NameChanged({ id, name })] : []),
  ...(city ? [events.CityChanged({ id, city })] : []),
]
const commits = fc.array(fc.array(happened, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 })
/** Ends of a subscription's runs, in events that were handed on. */
const runs = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 })

/** The log of an old app and of a new one that took turns, and the same history by a new app alone. */
async function write(history: readonly (readonly Happened[])[]) {
  const database = createMemoryDatabase('mixed')
  const [old, mixed] = [memoryLog(oldApp, { database }), memoryLog(newApp, { database })]
  const plain = memoryLog(newApp, { database: createMemoryDatabase('plain') })
  for (const commit of history) {
    const isNew = commit[0]?.kind === 'new'
    const taken = commit.filter(({ kind }) => (kind === 'new') === isNew)
    const now = taken.flatMap(today)
    if (isNew) unwrap(await mixed.append(now))
    else unwrap(await old.append(taken.map(older)))
    if (now.length > 0) unwrap(await plain.append(now))
  }
  await old.close()
  return { mixed, plain }
}
type Open = typeof newApp extends infer T ? import('tidelog').LogOf<T> : never
const factsOf = (all: readonly { readonly type: string; readonly data: unknown; readonly stream: string }[]) =>
  all.map(({ type, data, stream }) => ({ type, data, stream }))

/** What everything that reads has to say of a log. */
async function look(log: Open, ends: readonly number[], isRebuilt: boolean) {
  const queries = [
    {},
    { types: ['NameChanged'] },
    { types: ['CityChanged', 'Joined'], tags: { id: '1' } },
    [{ types: ['CityChanged'] }, { types: ['Joined'], tags: { id: '2' } }],
  ] as const
  const found: unknown[] = []
  for (const query of queries)
    for (const direction of ['forwards', 'backwards'] as const)
      found.push(factsOf((await log.read({ query, direction }).all()).events))
  found.push(factsOf((await log.read({ stream: 'person-1' }).all()).events))
  const states = [await log.view(names).ready, await log.view(cities, { id: '1' }).ready, await log.view(story).ready]
  const decided: unknown[] = []
  for (const decision of [
    () => log.execute(rename, { id: '1', name: 'Ann' }),
    () => log.execute(rename, { id: '1', name: 'torn' }),
    () => log.execute(move, { id: '1', city: 'Oslo' }),
  ]) {
    const outcome = await decision()
    decided.push(outcome.ok ? factsOf(outcome.events) : outcome.reason)
  }
  const handed: unknown[] = []
  const query = { types: ['NameChanged', 'CityChanged'] } as const
  /** Each run ends in the middle; what a run had not handled the next one is handed again. */
  for (const most of ends) {
    const abort = new AbortController()
    let left = most
    const name = 'reader'
    const batch = { events: 1 }
    const options = { name, query, batch, signal: abort.signal, checkpoint: { events: 1 }, to: 'head' } as const
    await subscribe(log, options, (events) => {
      handed.push(...factsOf(events))
      left -= events.length
      if (left <= 0) abort.abort()
    }).ended
  }
  await subscribe(log, { name: 'reader', query, batch: { events: 1 }, to: 'head' }, (events) => {
    handed.push(...factsOf(events))
  }).ended
  const rows = openReadModel(log, people)
  const first = (await rows.find()).rows
  // It waits for the clock, and that takes its time.
  if (isRebuilt) {
    await rows.reset()
    expect((await rows.find()).rows).toEqual(first)
  }
  await rows.close()
  return { found, states, decided, handed, rows: first }
}

test('an app whose upcasters make several events of one reads an old log as if the events of today had been appended', async () => {
  let nth = 0
  await fc.assert(
    fc.asyncProperty(commits, runs, async (history, ends) => {
      const { mixed, plain } = await write(history)
      try {
        const ours = await look(mixed, ends, nth++ % 8 === 0)
        const theirs = await look(plain, [], false)
        expect(ours).toEqual(theirs)
        expect(ours.handed).toHaveLength(theirs.handed.length)
      } finally {
        await Promise.all([mixed.close(), plain.close()])
      }
    }),
    { numRuns: 24 },
  )
})
