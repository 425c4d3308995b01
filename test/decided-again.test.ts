// Commands that others overtook, through the public entries: what becomes of them when the device is back.

import { unwrap } from 'tidelog'
import { MemoryLocks } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import type { Clock, Locks } from '../src/core/ports.ts'
import { until } from './gate.ts'
import { apart, back, booked, closeHall, type Place } from './hall.ts'
import { book, bookAny, ensureHeld, heldOf, release, events as seatEvents, tell } from './seats.ts'

afterEach(closeHall)
const all = async ({ log }: Place) => (await log.read().all()).events
const contentIds = async (place: Place, commitId: string) =>
  (await all(place)).flatMap((event) => (event.commitId === commitId ? event.id : []))
const told = async (place: Place) =>
  (await all(place)).flatMap((event) => (event.type === 'Told' ? `${event.data.by}=${event.data.held}` : []))
const lettersOf = async ({ log }: Place) =>
  (await log.deadLetters.list()).map(({ commitId, reason }) => `${commitId} ${reason.type}`)

describe('a command that nothing touched', () => {
  test('keeps its content byte for byte, whatever else came', async () => {
    const [hall, ann, bob] = apart()
    unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
    const { receipt, events: before } = unwrap(await bob.log.execute(book, { seat: '2', by: 'bob' }))
    await back(hall, ann, bob)
    const after = (await all(bob)).filter(({ commitId }) => commitId === receipt.commitId)
    expect(after).toEqual(before.map((event) => ({ ...event, position: 2 })))
  })
})

describe('a command that was touched', () => {
  test('DCB-5 and is decided the same keeps its content', async () => {
    const [hall, ann, bob] = apart()
    unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
    unwrap(await ann.log.execute(release, { seat: '1', by: 'ann' }))
    const { receipt, events: before } = unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }))
    await back(hall, ann, bob)
    expect(await contentIds(bob, receipt.commitId)).toEqual(before.map(({ id }) => id))
    expect(await bob.log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 3 })
  })

  test('and is decided otherwise is replaced: same commit, new content, versions counted anew', async () => {
    const [hall, ann, bob] = apart()
    unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
    const { receipt, events: before } = unwrap(await bob.log.execute(bookAny, { by: 'bob' }))
    expect(before).toMatchObject([{ data: { seat: '1' }, version: 1 }])
    await back(hall, ann, bob)
    expect(await booked(ann)).toEqual(['1:ann', '2:bob'])
    expect(await all(bob)).toEqual(await all(ann))
    const [after] = (await all(bob)).filter(({ commitId }) => commitId === receipt.commitId)
    expect(after).toMatchObject({ stream: 'seat-2', version: 1, position: 2 })
    expect(after?.id).not.toBe(before[0]?.id)
    expect(await bob.log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 2 })
    expect(await lettersOf(bob)).toEqual([])
  })

  test('and finds nothing left to do leaves without a letter', async () => {
    const [hall, ann, bob] = apart()
    unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
    const { receipt } = unwrap(await bob.log.execute(ensureHeld, { seat: '1', by: 'bob' }))
    await back(hall, ann, bob)
    expect(await bob.log.whenConfirmed(receipt)).toEqual({ status: 'nothing-to-do' })
    expect([await booked(bob), await lettersOf(bob)]).toEqual([['1:ann'], []])
  })

  test('DCB-7 and is refused is one letter: reason, command, what it meant to record, what stood in the way', async () => {
    const [hall, ann, bob] = apart()
    const first = unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
    const { receipt, events: before } = unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }))
    unwrap(await bob.log.execute(book, { seat: '2', by: 'bob' }))
    await back(hall, ann, bob)
    expect(await bob.log.deadLetters.list()).toEqual([
      {
        commitId: receipt.commitId,
        decider: 'book',
        command: { seat: '1', by: 'bob' },
        events: before.map(({ type, data, stream, tags }) => ({ type, data, stream, tags })),
        reason: { type: 'SeatTaken', data: { by: 'ann' } },
        causedBy: [{ ...first.events[0], position: 1 }],
        attempt: 1,
        time: expect.any(String),
      },
    ])
    expect(await bob.log.whenConfirmed(receipt)).toEqual({
      status: 'refused',
      reason: { type: 'SeatTaken', data: { by: 'ann' } },
    })
    expect(await booked(bob)).toEqual(['1:ann', '2:bob'])
    await hall.settle()
    expect(await bob.log.deadLetters.list()).toHaveLength(1)
  })
})

test('DCB-7 a plain append can’t be decided again: it is a letter with the events that stood in its way', async () => {
  const [hall, ann, bob] = apart()
  unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
  unwrap(await ann.log.execute(book, { seat: '2', by: 'ann' }))
  const { receipt } = unwrap(
    await bob.log.append([seatEvents.Booked({ seat: '1', by: 'bob' })], { failIfEventsMatch: { tags: { seat: '1' } } }),
  )
  await back(hall, ann, bob)
  const conflict = [{ type: 'Booked', data: { seat: '1', by: 'ann' }, position: 1 }]
  const [letter] = await bob.log.deadLetters.list()
  expect(letter).toMatchObject({ reason: { type: 'Conflict', events: conflict }, causedBy: conflict })
  expect([letter?.decider, letter?.command]).toEqual([undefined, undefined])
  expect(await bob.log.whenConfirmed(receipt)).toMatchObject({ status: 'conflict', events: conflict })
})

describe('what stands behind a commit that changed is decided again too', () => {
  test('when the one before was replaced', async () => {
    const [hall, ann, bob] = apart()
    unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
    unwrap(await bob.log.execute(bookAny, { by: 'bob' }))
    unwrap(await bob.log.execute(bookAny, { by: 'eve' }))
    unwrap(await bob.log.execute(tell, { by: 'bob' }))
    expect(await told(bob)).toEqual(['bob=1:bob 2:eve'])
    await back(hall, ann, bob)
    expect(await booked(bob)).toEqual(['1:ann', '2:bob', '3:eve'])
    expect(await told(ann)).toEqual(['bob=1:ann 2:bob 3:eve'])
  })

  test('when the one before was refused', async () => {
    const [hall, ann, bob] = apart()
    unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
    const one = unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }))
    const two = unwrap(await bob.log.execute(release, { seat: '1', by: 'bob' }))
    const three = unwrap(await bob.log.execute(ensureHeld, { seat: '1', by: 'eve' }))
    await back(hall, ann, bob)
    expect(await lettersOf(bob)).toEqual(
      [`${one.receipt.commitId} SeatTaken`, `${two.receipt.commitId} NotYours`].sort(),
    )
    expect(await bob.log.whenConfirmed(three.receipt)).toEqual({ status: 'nothing-to-do' })
  })

  test('when the one before was withdrawn', async () => {
    const [hall, , bob] = apart()
    const { receipt } = unwrap(await bob.log.execute(bookAny, { by: 'bob' }))
    unwrap(await bob.log.execute(bookAny, { by: 'eve' }))
    expect(await bob.log.withdraw(receipt)).toEqual({ ok: true, sent: false })
    await back(hall, bob)
    expect(await booked(bob)).toEqual(['1:eve'])
  })

  test('when the server rejected the one before', async () => {
    const [hall, , bob] = apart()
    hall.gate.isBroken = (data) => JSON.stringify(data).includes('mallory')
    const one = unwrap(await bob.log.execute(book, { seat: '1', by: 'mallory' }))
    unwrap(await bob.log.execute(bookAny, { by: 'eve' }))
    expect(await booked(bob)).toEqual(['1:mallory', '2:eve'])
    await back(hall, bob)
    expect(await lettersOf(bob)).toEqual([`${one.receipt.commitId} Rejected`])
    expect(await booked(bob)).toEqual(['1:eve'])
    expect(await bob.log.whenConfirmed(one.receipt)).toMatchObject({
      status: 'rejected',
      problem: { title: 'The commit is malformed' },
    })
  })

  test('and a chain of fifty follows one foreign event', async () => {
    const [hall, ann, bob] = apart()
    unwrap(await ann.log.execute(book, { seat: 'x', by: 'ann' }))
    for (let nth = 0; nth < 50; nth++) {
      unwrap(await bob.log.execute(book, { seat: `s${nth}`, by: 'bob' }))
      unwrap(await bob.log.execute(tell, { by: `${nth}` }))
    }
    await back(hall, ann, bob)
    const held = (count: number) =>
      heldOf({ x: 'ann', ...Object.fromEntries(Array.from({ length: count }, (_, nth) => [`s${nth}`, 'bob'])) })
    expect(await told(ann)).toEqual(Array.from({ length: 50 }, (_, nth) => `${nth}=${held(nth + 1)}`))
  })
})

test('what was decided again is decided once more when it is overtaken again', async () => {
  const [hall, ann, bob] = apart()
  const { receipt } = unwrap(await bob.log.execute(bookAny, { by: 'bob' }))
  const contents = new Set(await contentIds(bob, receipt.commitId))
  for (const [nth, seat] of ['1', '2'].entries()) {
    unwrap(await ann.log.execute(book, { seat, by: 'ann' }))
    await back(hall, ann)
    ann.offline()
    hall.gate.state = 'shut'
    bob.online()
    await until(hall.clock, async () => (await booked(bob)).length === nth + 2)
    bob.offline()
    hall.gate.state = 'open'
    for (const id of await contentIds(bob, receipt.commitId)) contents.add(id)
  }
  expect([await booked(bob), contents.size]).toEqual([['1:ann', '2:ann', '3:bob'], 3])
  unwrap(await ann.log.execute(book, { seat: '3', by: 'ann' }))
  await back(hall, ann, bob)
  const soldOut = { reason: { type: 'SoldOut', data: { seats: 3 } }, attempt: 3, events: [{ data: { seat: '3' } }] }
  expect(await bob.log.deadLetters.list()).toMatchObject([soldOut])
})

describe('a push that arrives late', () => {
  /** Bob's commits are under way when he takes the first of them back, so that the rest is decided again. */
  async function late() {
    const [hall, ann, bob] = apart()
    const first = unwrap(await bob.log.execute(bookAny, { by: 'bob' }))
    const second = unwrap(await bob.log.execute(bookAny, { by: 'eve' }))
    unwrap(await bob.log.execute(tell, { by: 'bob' }))
    hall.gate.state = 'hold'
    bob.online()
    await until(hall.clock, () => hall.gate.heldCount > 0)
    bob.offline()
    hall.gate.state = 'shut'
    const withdrawal = await bob.log.withdraw(first.receipt)
    bob.online()
    await until(hall.clock, async () => (await booked(bob)).includes('1:eve'))
    bob.offline()
    await hall.gate.deliver()
    hall.gate.state = 'open'
    return { hall, ann, bob, first, second, withdrawal }
  }

  test('wins: the log’s content stands for the one that was decided since', async () => {
    const { hall, ann, bob, second, withdrawal } = await late()
    expect(withdrawal).toEqual({ ok: true, sent: true })
    expect(await told(bob)).toEqual(['bob=1:eve'])
    await back(hall, bob)
    expect(await booked(bob)).toEqual(['1:bob', '2:eve'])
    expect(await contentIds(bob, second.receipt.commitId)).toEqual(second.events.map(({ id }) => id))
    expect(await told(bob)).toEqual(['bob=1:bob 2:eve'])
    await back(hall, ann)
    expect(await all(ann)).toEqual(await all(bob))
  })

  test('brings what was withdrawn into the log: that is told by a letter', async () => {
    const { hall, bob, first } = await late()
    expect(await bob.log.whenConfirmed(first.receipt)).toEqual({ status: 'withdrawn' })
    await back(hall, bob)
    expect(await bob.log.deadLetters.list()).toMatchObject([
      { commitId: first.receipt.commitId, reason: { type: 'Confirmed', position: 1 }, events: [{ type: 'Booked' }] },
    ])
    expect(await bob.log.whenConfirmed(first.receipt)).toEqual({ status: 'confirmed', position: 1 })
    expect(await bob.log.withdraw(first.receipt)).toEqual({ ok: false, reason: { type: 'Confirmed', position: 1 } })
  })
})

test('AE-10 a commit whose verdict was lost is neither pushed into the log twice nor decided again', async () => {
  const [hall, ann, bob] = apart()
  const { receipt, events: before } = unwrap(await bob.log.execute(bookAny, { by: 'bob' }))
  hall.gate.state = 'deaf'
  bob.online()
  await until(hall.clock, () => hall.gate.pushes.length > 0)
  bob.offline()
  hall.gate.state = 'open'
  unwrap(await ann.log.execute(bookAny, { by: 'ann' }))
  await back(hall, ann, bob)
  expect(await booked(bob)).toEqual(['1:bob', '2:ann'])
  expect(await contentIds(bob, receipt.commitId)).toEqual(before.map(({ id }) => id))
})

/** Locks that let every tab lead. */
function leaderless(clock: Clock): Locks {
  const locks = new MemoryLocks(clock)
  return {
    request: async (name, options, hold) => {
      if (!name.endsWith('/leader')) return locks.request(name, options, hold)
      await hold()
      return true
    },
  }
}

test('two leaders at once come to one end: each command is replaced or refused once', async () => {
  const [hall, ann, bob] = apart({ locks: leaderless })
  const other = bob.openTab()
  await other.ready
  unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
  const lost = unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }))
  unwrap(await bob.log.execute(bookAny, { by: 'bob' }))
  unwrap(await other.execute(bookAny, { by: 'eve' }))
  unwrap(await other.execute(ensureHeld, { seat: '1', by: 'eve' }))
  await back(hall, ann, bob)
  other.sync.now()
  await hall.settle()
  expect(await booked(ann)).toEqual(['1:ann', '2:bob', '3:eve'])
  for (const log of [bob.log, other]) {
    expect((await log.read().all()).events).toEqual(await all(ann))
    const letters = await log.deadLetters.list()
    expect(letters.map(({ commitId, attempt }) => [commitId, attempt])).toEqual([[lost.receipt.commitId, 1]])
  }
})

test('a condition holds where its commit is sequenced: what is told is what stands before it', async () => {
  const [hall, ann, bob] = apart()
  for (const [device, by] of [
    [ann, 'ann'],
    [bob, 'bob'],
  ] as const) {
    unwrap(await device.log.execute(bookAny, { by }))
    unwrap(await device.log.execute(tell, { by }))
    unwrap(await device.log.execute(release, { seat: '1', by }))
    unwrap(await device.log.execute(tell, { by }))
  }
  ann.online()
  bob.online()
  await hall.settle()
  const held: Record<string, string> = {}
  for (const { type, data } of await all(ann))
    if (type === 'Booked') held[data.seat] = data.by
    else if (type === 'Released') delete held[data.seat]
    else expect(data.held).toBe(heldOf(held))
  expect(await all(bob)).toEqual(await all(ann))
})
