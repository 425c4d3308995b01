// Streams that end, data that is removed, and what is kept only for a while.

import { gunzipSync } from 'node:zlib'
import { defineEvents, defineFor, defineLog, event, refuse, type UnknownEvent, unwrap } from 'tidelog'
import { closeStream, eraseStream, isClosed, listErasures, whenErased } from 'tidelog/lifecycle'
import { openReadModel } from 'tidelog/read-model'
import { memoryLog, simulate, VirtualClock } from 'tidelog/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { Disk } from './disk.ts'

const events = defineEvents({
  Signed: event(z.object({ who: z.string(), secret: z.string() }), {
    tags: ['who'],
    stream: ({ who }) => `member-${who}`,
  }),
  Viewed: event(z.object({ page: z.string() }), { stream: () => 'views-main' }),
})
const define = defineFor(events)
const secrets = define.projection<readonly string[], { who: string }>({
  name: 'secrets',
  version: 1,
  initial: [],
  scope: ({ who }) => ({ query: { tags: { who } } }),
  on: { Signed: (all, { data }) => [...all, data.secret] },
})
const sign = define.decider({
  name: 'sign',
  command: z.object({ who: z.string(), secret: z.string() }),
  scope: ({ who }) => ({ stream: `member-${who}` }),
  initial: 0,
  evolve: { Signed: (count) => count + 1 },
  decide: (command, count) => (count >= 3 ? refuse('Enough') : [events.Signed(command)]),
})
const club = defineLog({ name: 'club', events, deciders: [sign], retentions: { 'views-*': { days: 30, events: 10 } } })
const signed = (who: string, secret: string) => events.Signed({ who, secret })

const worlds: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})
function openClub<const N extends number>(devices: N) {
  const disks = Array.from({ length: devices }, (_, nth) => new Disk(`disk ${nth}`))
  const world = simulate(club, { devices, database: (nth) => disks[nth]?.database })
  worlds.push(world)
  return { disks, world }
}
/** All that is on a disk, unpacked. */
async function textOf(disk: Disk | undefined): Promise<string> {
  const rows = (['writes', 'log', 'state', 'dir'] as const).flatMap((name) => disk?.rows(name) ?? [])
  const texts = rows.map((row) =>
    row.part instanceof Uint8Array ? gunzipSync(row.part).toString() : JSON.stringify(row),
  )
  return texts.join('\n')
}

describe('a stream that was closed', () => {
  test('TS-13 takes nothing any more, on no device, and says so', async () => {
    const { world } = openClub(2)
    const [ann, bob] = world.devices
    unwrap(await ann.log.append([signed('ann', 'a')]))
    await world.settle()
    unwrap(await closeStream(ann.log, 'member-ann', { reason: 'left', expectedVersion: 1 }))
    const refused = await ann.log.append([signed('ann', 'b')])
    expect(refused).toMatchObject({ ok: false, reason: { type: 'StreamClosed', stream: 'member-ann' } })
    await world.settle()
    expect(await bob.log.append([signed('ann', 'c')])).toMatchObject({ reason: { type: 'StreamClosed' } })
    expect(await bob.log.execute(sign, { who: 'ann', secret: 'd' })).toMatchObject({ reason: { type: 'StreamClosed' } })
    expect(await closeStream(bob.log, 'member-ann')).toMatchObject({ reason: { type: 'StreamClosed' } })
    expect([await isClosed(bob.log, 'member-ann'), await isClosed(bob.log, 'member-bob')]).toEqual([true, false])
    unwrap(await bob.log.append([signed('bob', 'e')]))
  })

  test('TS-13 refuses what another device had pending: it is kept as a dead letter, the rest goes on', async () => {
    const { world } = openClub(2)
    const [ann, bob] = world.devices
    unwrap(await ann.log.append([signed('ann', 'a')]))
    await world.settle()
    bob.offline()
    const plain = unwrap(await bob.log.append([signed('ann', 'late')]))
    const decided = unwrap(await bob.log.execute(sign, { who: 'ann', secret: 'later' }))
    const other = unwrap(await bob.log.append([signed('bob', 'mine')]))
    unwrap(await closeStream(ann.log, 'member-ann'))
    await world.settle()
    bob.online()
    await world.settle()
    expect((await bob.log.whenConfirmed(other.receipt)).status).toBe('confirmed')
    for (const { receipt } of [plain, decided])
      expect(await bob.log.whenConfirmed(receipt)).toMatchObject({
        status: 'conflict',
        events: [{ originalType: '$closed', stream: 'member-ann' }],
      })
    expect((await bob.log.deadLetters.list()).map(({ commitId }) => commitId).sort()).toEqual(
      [plain.receipt.commitId, decided.receipt.commitId].sort(),
    )
    const { events: left } = await ann.log.read({ stream: 'member-ann' }).all()
    expect(left).toHaveLength(1)
  })
})

describe('a stream that was erased', () => {
  test('TS-13 loses its data on every device and at the server, and the log says that it did', async () => {
    const { world, disks } = openClub(2)
    const [ann, bob] = world.devices
    unwrap(
      await ann.log.append([signed('ann', 'top-secret'), signed('bob', 'kept')], {
        metadata: { actor: 'a-secret-actor' },
      }),
    )
    await world.settle()
    const view = bob.log.view(secrets, { who: 'ann' })
    expect(await view.ready).toEqual(['top-secret'])
    for (const disk of disks) expect(await textOf(disk)).toContain('top-secret')
    const { receipt } = unwrap(
      await eraseStream(ann.log, 'member-ann', { reason: 'asked for', metadata: { desk: 'clerk' } }),
    )
    await world.settle()
    await passing(world.clock, Promise.all([ann, bob].map(({ log }) => whenErased(log, receipt))))
    for (const disk of disks) expect(await textOf(disk)).not.toMatch(/top-secret|a-secret-actor/)
    for (const disk of disks) expect(await textOf(disk)).toContain('kept')
    const { events: all } = await bob.log.read({ unknown: 'yield' }).all()
    expect(
      all.map(({ stream, version, position, ...one }) => [
        stream,
        version,
        position,
        'isErased' in one && one.isErased,
      ]),
    ).toEqual([
      ['member-ann', 1, 1, true],
      ['member-bob', 1, 2, false],
      ['member-ann', 2, 3, undefined],
    ])
    expect(all[0] as UnknownEvent).toMatchObject({
      type: '$unknown',
      originalType: 'Signed',
      data: null,
      tags: ['who:ann'],
      metadata: {},
    })
    expect(await listErasures(bob.log)).toMatchObject([
      {
        stream: 'member-ann',
        isPattern: false,
        through: 2,
        reason: 'asked for',
        metadata: { desk: 'clerk' },
        position: 3,
      },
    ])
    await expect.poll(() => view.get()).toEqual([])
  })
})

test('TS-13 CART-8 a read model gives nothing of what was erased, and holds nothing of it on the disk', async () => {
  const { world, disks } = openClub(1)
  const [{ log }] = world.devices
  const members = define.readModel<{ readonly secrets: readonly string[] }>({
    name: 'members',
    version: 1,
    ids: ({ data }) => ('who' in data ? data.who : []),
    on: { Signed: (row, { data }) => ({ secrets: [...(row?.secrets ?? []), data.secret] }) },
    indexes: { secret: ({ secrets }) => secrets },
  })
  const model = openReadModel(log, members)
  unwrap(await log.append([signed('ann', 'top-secret'), signed('bob', 'kept')]))
  await world.settle()
  const ids = async () => (await model.find()).rows.map(({ id }) => id)
  expect(await passing(world.clock, ids())).toEqual(['ann', 'bob'])
  await world.clock.pass(2_000)
  expect(await textOf(disks[0])).toMatch(/kept\/rows\/in.*top-secret/)
  const { receipt } = unwrap(await eraseStream(log, 'member-ann'))
  await passing(world.clock, whenErased(log, receipt))
  expect(await textOf(disks[0])).not.toContain('top-secret')
  expect(await passing(world.clock, ids())).toEqual(['bob'])
  unwrap(await log.append([signed('ann', 'again')]))
  expect(await passing(world.clock, model.get('ann'))).toEqual({ secrets: ['again'] })
  const isCurrent = () => expect(model.status.get()).toMatchObject({ state: 'current' })
  await passing(world.clock, vi.waitFor(isCurrent, 10_000))
  await passing(world.clock, model.close())
})

describe('what is kept for a while only', () => {
  const dayMs = 24 * 60 * 60_000
  function openLocal(model = club) {
    const disk = new Disk()
    const clock = new VirtualClock()
    let days = 0
    /** Days go by without the timers of all their minutes. */
    const calendar = { now: () => clock.now() + days * dayMs, after: clock.after.bind(clock) }
    const log = memoryLog(model, { clock: calendar, database: disk.database })
    worlds.push({ close: () => passing(clock, log.close()) })
    const wait = async (more: number) => {
      days += more
      await clock.pass(2 * 60 * 60_000)
      await passing(clock, untilQuiet(log))
    }
    const pages = async () =>
      (await log.read({ stream: 'views-main' }).all()).events.map(({ data }) => (data as { page: string }).page)
    const view = (...names: readonly string[]) =>
      passing(clock, log.append(names.map((page) => events.Viewed({ page }))).then(unwrap))
    return { disk, wait, log, pages, view }
  }

  test('GR-8 is removed by age: from the disk, and visibly; other streams stay whole', async () => {
    const { log, wait, pages, view, disk } = openLocal()
    unwrap(await log.append([signed('ann', 'for good')]))
    await view('page-one', 'page-two')
    await wait(20)
    await view('third')
    await wait(1)
    expect(await pages()).toEqual(['page-one', 'page-two', 'third'])
    await wait(11)
    expect(await pages()).toEqual(['page-one', 'page-two', 'third'])
    await view('fourth')
    await wait(0)
    expect(await pages()).toEqual(['third', 'fourth'])
    expect(await textOf(disk)).not.toMatch(/page-one|page-two/)
    const { events: all } = await log.read({ unknown: 'yield' }).all()
    const shown = all.map((one) => [one.position, one.stream, one.version, 'isErased' in one && one.isErased === true])
    expect(shown).toEqual([
      [1, 'member-ann', 1, false],
      [2, 'views-main', 1, true],
      [3, 'views-main', 2, true],
      [4, 'views-main', 3, false],
      [5, 'views-main', 4, false],
      [6, 'views-*', 1, false],
    ])
    expect(await listErasures(log)).toMatchObject([
      { stream: 'views-*', isPattern: true, through: 3, reason: 'retention' },
    ])
  })

  test('GR-8 is removed by count, the newest stay', async () => {
    const { wait, pages, view } = openLocal()
    await view(...Array.from({ length: 25 }, (_, nth) => `page ${nth}`))
    await wait(0)
    expect(await pages()).toEqual(Array.from({ length: 10 }, (_, nth) => `page ${nth + 15}`))
    await view('one more')
    await wait(0)
    // One more than wanted is not worth an event that says so.
    expect(await pages()).toHaveLength(11)
  })

  test('GR-8 is not removed by a clock that is ahead of all events', async () => {
    const { wait, pages, view } = openLocal()
    await view('young')
    await wait(400)
    expect(await pages()).toEqual(['young'])
  })

  test('GR-8 is never removed before it is confirmed', async () => {
    const { world } = openClub(1)
    const [ann] = world.devices
    const { log } = ann
    const count = async () => (await log.read({ stream: 'views-main' }).all()).events.length
    ann.offline()
    unwrap(await log.append(Array.from({ length: 25 }, (_, nth) => events.Viewed({ page: `${nth}` }))))
    await world.clock.pass(2 * 60 * 60_000)
    expect([await count(), (await listErasures(log)).length]).toEqual([25, 0])
    ann.online()
    await world.settle()
    await world.clock.pass(2 * 60 * 60_000)
    await world.settle()
    await passing(world.clock, untilQuiet(log))
    expect(await count()).toBe(10)
  })

  test('TS-16 no condition may name it', async () => {
    const { log } = openLocal()
    const argument = expect.objectContaining({ code: 'tidelog/argument' })
    await expect(log.append([events.Viewed({ page: 'x' })], { expectedVersion: 0 })).rejects.toEqual(argument)
    await expect(log.append([events.Viewed({ page: 'x' })], { expectedVersion: 'exists' })).rejects.toEqual(argument)
    const count = define.decider({
      name: 'count',
      command: z.object({}),
      scope: () => ({ stream: 'views-main' }),
      initial: 0,
      evolve: { Viewed: (n) => n + 1 },
      decide: () => [events.Viewed({ page: 'counted' })],
    })
    const counting = defineLog({ name: 'club', events, deciders: [count], retentions: club.retentions })
    const other = memoryLog(counting)
    worlds.push(other)
    await expect(other.execute(count, {})).rejects.toEqual(argument)
    expect((await other.logHead()).confirmed).toBe(0)
  })

  test.each([
    ['no rule', {}],
    ['days that are none', { days: 0 }],
    ['a misspelt one', { day: 3 }],
    ['half an event', { events: 1.5 }],
  ])('TS-16 is refused with %s', async (_what, retention: object) => {
    const odd = memoryLog(defineLog({ name: 'club', events, retentions: { 'views-*': retention } }))
    await expect(odd.ready).rejects.toMatchObject({ code: 'tidelog/argument' })
  })
})

/** Until what the log says of erasures is carried out. */
async function untilQuiet(log: Parameters<typeof listErasures>[0]): Promise<void> {
  for (const { commitId } of await listErasures(log)) await whenErased(log, { commitId })
}

/** Lets time pass in steps until a promise has settled. */
async function passing<T>(clock: { step(): unknown }, promise: Promise<T>): Promise<T> {
  let isDone = false
  const end = (): void => {
    isDone = true
  }
  promise.then(end, end)
  for (let n = 0; n < 5_000 && !isDone; n++) {
    clock.step()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  return promise
}
