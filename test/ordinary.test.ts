// Sizes that are ordinary for an app, and a mistake that is: many at once, long offline, one large fact, a rule that mutates.
import { defineEvents, defineFor, defineLog, event, refuse, type, unwrap } from 'tidelog'
import { simulate } from 'tidelog/testing'
import { expect, test } from 'vitest'

const events = defineEvents({
  Taken: event(type<{ shelf: string; n: number; left: number }>(), { stream: ({ shelf }) => shelf, tags: ['shelf'] }),
  Filled: event(type<{ shelf: string; pieces: number }>(), { stream: ({ shelf }) => shelf, tags: ['shelf'] }),
  Noted: event(type<{ text: string }>(), { stream: () => 'notes' }),
})
const define = defineFor(events)
const left = define.projection<number>({
  name: 'left',
  version: 1,
  initial: 1000,
  on: { Taken: (pieces) => pieces - 1, Filled: (pieces, { data }) => pieces + data.pieces },
})
const take = define.decider({
  name: 'take',
  command: type<{ shelf: string; n: number }>(),
  scope: ({ shelf }) => ({ query: { tags: { shelf } } }),
  state: left,
  decide: ({ shelf, n }, pieces) =>
    pieces > 0 ? [events.Taken({ shelf, n, left: pieces - 1 })] : refuse('Empty', { n }),
})
const model = defineLog({ name: 'store', events, deciders: [take] })
const range = (length: number): readonly number[] => Array.from({ length }, (_, n) => n)

test('three devices of 100 concurrent commands each come to the same log, in which no piece is taken twice', async () => {
  const world = simulate(model, { devices: 3 })
  const answers = await Promise.all(
    world.devices.flatMap(({ log }, device) =>
      range(100).map((n) => log.execute(take, { shelf: `s${n % 3}`, n: device * 100 + n })),
    ),
  )
  expect(answers.filter(({ ok }) => ok)).toHaveLength(300)
  await world.settle()
  const logs = await Promise.all(world.devices.map(({ log }) => log.read({ query: { types: ['Taken'] } }).all()))
  const [first] = logs.map(({ events: taken }) => taken.map(({ id, position }) => [id, position]))
  for (const { events: taken } of logs) expect(taken.map(({ id, position }) => [id, position])).toEqual(first)
  for (const shelf of ['s0', 's1', 's2']) {
    const taken = logs[0]?.events.filter(({ data }) => data.shelf === shelf) ?? []
    expect(taken.map(({ data }) => data.left)).toEqual(range(taken.length).map((n) => 999 - n))
  }
  expect(logs[0]?.events).toHaveLength(300)
  await world.close()
})

test('400 offline commands that meet one foreign commit are decided again, each once, in one write', async () => {
  const world = simulate(model)
  const [ann, bob] = world.devices
  bob.offline()
  for (const n of range(400)) unwrap(await bob.log.execute(take, { shelf: 's', n }))
  unwrap(await ann.log.append([events.Filled({ shelf: 's', pieces: -700 })]))
  await world.settle()
  const before = await bob.log.logHead()
  bob.online()
  await world.settle()
  const { events: taken } = await ann.log.read({ query: { types: ['Taken'] } }).all()
  expect(taken.map(({ data }) => data.left)).toEqual(range(300).map((n) => 299 - n))
  const letters = await bob.log.deadLetters.list()
  expect(letters.map(({ reason }) => reason.type)).toEqual(range(100).map(() => 'Empty'))
  const after = await bob.log.logHead()
  expect(after.pending).toBe(0)
  // A pull that brings the foreign commit, the rebase, and the pulls that confirm the run.
  expect(after.marker.revision - before.marker.revision).toBeLessThanOrEqual(5)
  await world.close()
})

test('one event of nearly 900 kB goes all the way round, and a larger one is refused before anything is written', async () => {
  const world = simulate(model)
  const [ann, bob] = world.devices
  const text = 'x'.repeat(890_000)
  unwrap(await ann.log.append([events.Noted({ text })]))
  const { ok } = await ann.log.append([events.Noted({ text: text + text })])
  expect(ok).toBe(false)
  await world.settle()
  const { events: notes } = await bob.log.read({ query: { types: ['Noted'] } }).all()
  expect(notes.map(({ data }) => data.text.length)).toEqual([text.length])
  await world.close()
})

test('a rule that changes the state it is given fails, and the next decision finds the state as it was', async () => {
  const greedy = define.decider({
    name: 'greedy',
    command: type<{ text: string }>(),
    scope: () => ({ query: { types: ['Noted'] } }),
    initial: { taken: ['1'] },
    evolve: {},
    decide: ({ text }, { taken }) => {
      if (text === 'x') taken.push(text)
      return taken.length > 1 ? refuse('Full') : [events.Noted({ text })]
    },
  })
  const world = simulate(defineLog({ name: 'greedy', events, deciders: [greedy] }), { devices: 1 })
  const [{ log }] = world.devices
  await expect(log.execute(greedy, { text: 'x' })).rejects.toMatchObject({ code: 'tidelog/decider' })
  expect(await log.execute(greedy, { text: 'y' })).toMatchObject({ ok: true })
  await world.close()
})
