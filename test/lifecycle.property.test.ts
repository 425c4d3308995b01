// Devices that close and erase streams while others write to them, by seed.

import { defineEvents, defineFor, defineLog, event, refuse, type } from 'tidelog'
import { closeStream, eraseStream, listErasures, whenErased } from 'tidelog/lifecycle'
import { seededRandom, simulate } from 'tidelog/testing'
import { expect, test } from 'vitest'

const events = defineEvents({
  Said: event(type<{ room: string; text: string }>(), { stream: ({ room }) => room, tags: ['room'] }),
})
const define = defineFor(events)
const say = define.decider({
  name: 'say',
  command: type<{ room: string; text: string }>(),
  scope: ({ room }) => ({ query: { tags: { room } }, stream: room }),
  initial: 0,
  evolve: { Said: (count) => count + 1 },
  decide: (command, count) =>
    count >= 12 ? refuse('Full') : [events.Said({ ...command, text: `${command.text} ${count}` })],
})
const rooms = defineLog({ name: 'rooms', events, deciders: [say] })
const names = ['a', 'b', 'c']

type World = ReturnType<typeof openWorld>
const openWorld = (seed: number) => simulate(rooms, { devices: 3, seed })

async function live(world: World, seed: number) {
  const random = seededRandom(seed)
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random.fraction() * all.length)] as T
  const taken = new Map<string, string>()
  const refused: string[] = []
  for (let step = 0; step < 40; step++) {
    const device = pick(world.devices)
    const { log } = device
    const room = pick(names)
    const text = `${seed}.${step}`
    const dice = random.fraction()
    if (dice < 0.3 || dice > 0.92) {
      const both = [events.Said({ room, text }), events.Said({ room: pick(names), text: `${text} too` })]
      const outcome = await log.append(random.fraction() < 0.3 ? both : both.slice(0, 1))
      if (outcome.ok) taken.set(outcome.receipt.commitId, room)
      else refused.push(outcome.reason.type)
    } else if (dice < 0.55) {
      const outcome = await log.execute(say, { room, text })
      if (outcome.ok) taken.set(outcome.receipt.commitId, room)
      else refused.push(outcome.reason.type)
    } else if (dice < 0.62) await closeStream(log, room)
    else if (dice < 0.72) await eraseStream(log, room)
    else if (dice < 0.8) device.offline()
    else if (dice < 0.9) device.online()
    else await world.clock.pass(Math.floor(random.fraction() * 3_000))
  }
  for (const device of world.devices) device.online()
  await world.settle()
  return { taken, refused }
}

/** Everything that can be seen of the confirmed log of a device. */
async function seen({ log }: World['devices'][number]) {
  const all = (await log.read({ unknown: 'yield' }).all()).events
  return all.map(({ id, position, version, stream, data, ...one }) => ({
    id,
    position,
    version,
    stream,
    data,
    type: one.type === '$unknown' ? one.originalType : one.type,
    isErased: one.type === '$unknown' && one.isErased === true,
  }))
}

async function carriedOut(world: World) {
  const waiting = world.devices.map(async ({ log }) => {
    for (const { commitId } of await listErasures(log)) await whenErased(log, { commitId })
  })
  let isDone = false
  const done = Promise.all(waiting).finally(() => {
    isDone = true
  })
  while (!isDone) {
    world.clock.step()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  await done
}

const tally = { closed: 0, erased: 0, refused: 0, letters: 0 }

test.each(Array.from({ length: 25 }, (_, nth) => nth + 1))('TS-13 holds on every device, seed %i', async (seed) => {
  const world = openWorld(seed)
  const { taken, refused } = await live(world, seed)
  await carriedOut(world)
  const [log, ...others] = await Promise.all(world.devices.map(seen))
  for (const other of others) expect(other).toEqual(log)
  const closedAt = new Map<string, number>()
  const erasedUpTo = new Map<string, number>()
  for (const { type, stream, position = 0 } of log ?? []) {
    if (type !== '$erased') expect([stream, position, closedAt.get(stream)]).toEqual([stream, position, undefined])
    if (type === '$closed') closedAt.set(stream, position)
    if (type === '$erased') erasedUpTo.set(stream, position)
  }
  for (const { type, stream, position = 0, isErased, data } of log ?? []) {
    const isGone = type[0] !== '$' && position < (erasedUpTo.get(stream) ?? 0)
    expect([position, isErased, data === null]).toEqual([position, isGone, isGone])
  }
  const letters = (await Promise.all(world.devices.map((device) => device.log.deadLetters.list()))).flat()
  const known = new Set(letters.map(({ commitId }) => commitId))
  const confirmed = new Set<string>()
  for (const one of (await world.devices[0].log.read({ unknown: 'yield' }).all()).events) confirmed.add(one.commitId)
  for (const [id, room] of taken) {
    const isSomewhere = confirmed.has(id) || known.has(id)
    // A letter about a stream goes when the stream is erased.
    if (!isSomewhere) expect([...erasedUpTo.keys()]).toContain(room)
  }
  tally.closed += closedAt.size
  tally.erased += erasedUpTo.size
  tally.refused += refused.filter((why) => why === 'StreamClosed').length
  tally.letters += letters.length
  await world.close()
})

test('the seeds have met what they are for', () => {
  for (const [what, count] of Object.entries(tally)) expect([what, count > 5]).toEqual([what, true])
})
