// What did not come into the log, and what was taken back, through the public entries.

import { unwrap } from 'tidelog'
import { afterEach, describe, expect, test } from 'vitest'
import { until } from './gate.ts'
import { apart, back, booked, closeHall } from './hall.ts'
import { book, bookAny, ensureHeld, release, events as seatEvents } from './seats.ts'

afterEach(closeHall)
const first = [seatEvents.Booked({ seat: '1', by: 'bob' })]
const isFree = { failIfEventsMatch: { tags: { seat: '1' } } } as const
const unknown = { code: 'tidelog/argument' }

/** Bob wanted the seat that Ann has; his command is a letter. */
async function refused() {
  const [hall, ann, bob] = apart()
  const { commitId } = unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' })).receipt
  const { receipt } = unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }))
  await back(hall, ann, bob)
  expect(await bob.log.deadLetters.list()).toHaveLength(1)
  return { hall, ann, bob, receipt, inTheWay: commitId, id: receipt.commitId }
}

describe('a letter that is tried again', () => {
  test('is gone when its command works now, under the same id, and is confirmed', async () => {
    const { hall, ann, bob, id, receipt } = await refused()
    unwrap(await ann.log.execute(release, { seat: '1', by: 'ann' }))
    await hall.settle()
    const again = unwrap(await bob.log.deadLetters.retry(id))
    expect(again.receipt).toMatchObject({ commitId: id, versions: { 'seat-1': 3 } })
    expect(again.events).toMatchObject([{ type: 'Booked', data: { seat: '1', by: 'bob' }, position: undefined }])
    expect([await bob.log.deadLetters.list(), bob.log.deadLetters.get()]).toEqual([[], []])
    await hall.settle()
    expect(await bob.log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 3 })
    expect(await booked(ann)).toEqual(['1:ann', '1:bob'])
  })

  test('stays when it is refused again, with the answer of now', async () => {
    const { bob, id } = await refused()
    expect(await bob.log.deadLetters.retry(id)).toEqual({
      ok: false,
      reason: { type: 'SeatTaken', data: { by: 'ann' } },
    })
    expect(await bob.log.deadLetters.list()).toMatchObject([{ commitId: id, attempt: 1 }])
  })

  test('counts how often it was decided when it becomes a letter once more', async () => {
    const { hall, ann, bob, id } = await refused()
    unwrap(await ann.log.execute(release, { seat: '1', by: 'ann' }))
    await hall.settle()
    bob.offline()
    unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
    unwrap(await bob.log.deadLetters.retry(id))
    await hall.settle()
    await back(hall, bob)
    expect(await bob.log.deadLetters.list()).toMatchObject([
      { commitId: id, attempt: 2, reason: { type: 'SeatTaken' } },
    ])
  })

  test('is gone when there is nothing left to do', async () => {
    const [hall, ann, bob] = apart()
    hall.gate.isBroken = (data) => JSON.stringify(data).includes('bob')
    const { receipt } = unwrap(await bob.log.execute(ensureHeld, { seat: '1', by: 'bob' }))
    await back(hall, bob)
    expect(await bob.log.deadLetters.list()).toMatchObject([{ reason: { type: 'Rejected' }, decider: 'ensure-held' }])
    unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
    await back(hall, ann)
    expect(unwrap(await bob.log.deadLetters.retry(receipt.commitId)).events).toEqual([])
    expect(await bob.log.whenConfirmed(receipt)).toEqual({ status: 'nothing-to-do' })
    expect(await bob.log.deadLetters.list()).toEqual([])
  })

  test('is made again when the server rejected an append without a condition', async () => {
    const [hall, , bob] = apart()
    hall.gate.isBroken = () => true
    const { receipt } = unwrap(await bob.log.append(first))
    await back(hall, bob)
    expect(await bob.log.deadLetters.list()).toMatchObject([{ reason: { type: 'Rejected' }, events: first }])
    hall.gate.isBroken = () => false
    unwrap(await bob.log.deadLetters.retry(receipt.commitId))
    await hall.settle()
    expect([await booked(bob), await bob.log.deadLetters.list()]).toEqual([['1:bob'], []])
    expect(await bob.log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 1 })
  })

  test('is not, when an append hung on a condition: that is for the caller to look at', async () => {
    const [hall, ann, bob] = apart()
    unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
    const { receipt } = unwrap(await bob.log.append(first, isFree))
    await back(hall, ann, bob)
    await expect(bob.log.deadLetters.retry(receipt.commitId)).rejects.toMatchObject({ code: 'tidelog/decider' })
    expect(await bob.log.deadLetters.list()).toMatchObject([{ commitId: receipt.commitId }])
    expect(await booked(bob)).toEqual(['1:ann'])
  })

  test('in two tabs at once is written once', async () => {
    const { hall, ann, bob, id } = await refused()
    unwrap(await ann.log.execute(release, { seat: '1', by: 'ann' }))
    await hall.settle()
    const other = bob.openTab()
    await other.ready
    const outcomes = await Promise.allSettled([bob.log, other].map((log) => log.deadLetters.retry(id)))
    for (const outcome of outcomes)
      if (outcome.status === 'fulfilled') expect(outcome.value.ok).toBe(true)
      else expect(outcome.reason).toMatchObject(unknown)
    await hall.settle()
    expect(await booked(ann)).toEqual(['1:ann', '1:bob'])
  })

  test('must be there', async () => {
    const { bob, id } = await refused()
    await expect(bob.log.deadLetters.retry('nobody')).rejects.toMatchObject(unknown)
    expect(await bob.log.deadLetters.discard(id)).toBe(true)
    await expect(bob.log.deadLetters.retry(id)).rejects.toMatchObject(unknown)
  })
})

test('a letter whose commit was confirmed after all is no letter, and trying it writes nothing twice', async () => {
  const [hall, , bob] = apart()
  const { receipt } = unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }))
  hall.gate.state = 'hold'
  bob.online()
  await until(hall.clock, () => hall.gate.heldCount > 0)
  bob.offline()
  await hall.gate.deliver()
  hall.gate.state = 'open'
  expect(await bob.log.withdraw(receipt)).toEqual({ ok: true, sent: true })
  await back(hall, bob)
  expect(await bob.log.deadLetters.list()).toMatchObject([{ reason: { type: 'Confirmed', position: 1 } }])
  expect((await bob.log.deadLetters.retry(receipt.commitId)).ok).toBe(true)
  await hall.settle()
  expect(await booked(bob)).toEqual(['1:bob'])
  await bob.log.deadLetters.discard(receipt.commitId)
  expect(await bob.log.deadLetters.list()).toEqual([])
  expect(await bob.log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 1 })
})

describe('a letter that is discarded', () => {
  test('is gone in every tab, and its id is free', async () => {
    const { hall, bob, id } = await refused()
    const other = bob.openTab()
    expect(await other.deadLetters.list()).toHaveLength(1)
    expect(await bob.log.deadLetters.discard(id)).toBe(true)
    expect(await bob.log.deadLetters.discard(id)).toBe(false)
    await hall.settle()
    expect([await other.deadLetters.list(), other.deadLetters.get()]).toEqual([[], []])
    expect(await bob.log.execute(book, { seat: '2', by: 'bob' }, { commitId: id })).toMatchObject({ ok: true })
  })

  test('is free for another tab too', async () => {
    const { bob, id } = await refused()
    const other = bob.openTab()
    await other.ready
    await bob.log.deadLetters.discard(id)
    expect(await other.execute(book, { seat: '2', by: 'bob' }, { commitId: id })).toMatchObject({ ok: true })
  })

  test('leaves nothing to wait for', async () => {
    const { bob, id, receipt } = await refused()
    await bob.log.deadLetters.discard(id)
    await expect(bob.log.whenConfirmed(receipt)).rejects.toMatchObject(unknown)
  })
})

test('letters are told to whoever listens, in every tab, and are exported whole', async () => {
  const [hall, ann, bob] = apart()
  const other = bob.openTab()
  const seen: number[] = []
  other.deadLetters.subscribe(() => seen.push(other.deadLetters.get().length))
  unwrap(await ann.log.execute(book, { seat: '1', by: 'ann' }))
  const { receipt } = unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }))
  await back(hall, ann, bob)
  expect(seen.at(-1)).toBe(1)
  const exported = JSON.parse(await bob.log.deadLetters.export())
  expect(exported).toMatchObject({ format: 'tidelog-dead-letters', version: 1, letters: [{ id: receipt.commitId }] })
  const [letter] = exported.letters
  expect(JSON.parse(letter.commit)).toMatchObject({ command: { name: 'book', v: 1, data: { seat: '1', by: 'bob' } } })
  expect(letter.reason).toMatchObject({ refusal: { type: 'SeatTaken' }, events: [{ data: { by: 'ann' } }] })
})

describe('withdraw', () => {
  test('takes back what was never sent: it is gone, and never comes', async () => {
    const [hall, ann, bob] = apart()
    const { receipt } = unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }))
    expect(await bob.log.withdraw(receipt)).toEqual({ ok: true, sent: false })
    expect([await booked(bob), (await bob.log.logHead()).pending]).toEqual([[], 0])
    await back(hall, bob, ann)
    expect([await booked(ann), hall.gate.pushes, await bob.log.deadLetters.list()]).toEqual([[], [], []])
    expect(await bob.log.whenConfirmed(receipt)).toEqual({ status: 'withdrawn' })
  })

  test('says when it may have been sent', async () => {
    const [hall, , bob] = apart()
    const { receipt } = unwrap(await bob.log.append(first))
    hall.gate.state = 'shut'
    bob.online()
    await until(hall.clock, () => hall.gate.left > 0)
    bob.offline()
    expect(await bob.log.withdraw(receipt)).toEqual({ ok: true, sent: true })
  })

  test('says that it is too late, or that there is nothing to take back', async () => {
    const [hall, , bob] = apart()
    const { receipt } = unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }))
    await back(hall, bob)
    expect(await bob.log.withdraw(receipt)).toEqual({ ok: false, reason: { type: 'Confirmed', position: 1 } })
    const nothing = { ok: false, reason: { type: 'NotPending' } }
    expect(await bob.log.withdraw({ commitId: 'nobody' })).toEqual(nothing)
    bob.offline()
    const second = unwrap(await bob.log.execute(book, { seat: '2', by: 'bob' })).receipt
    await bob.log.withdraw(second)
    expect(await bob.log.withdraw(second)).toEqual(nothing)
  })

  test('works from another tab, and leaves the id free', async () => {
    const [hall, , bob] = apart()
    const options = { commitId: 'mine' }
    unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }, options))
    expect(await bob.openTab().withdraw({ commitId: 'mine' })).toEqual({ ok: true, sent: false })
    const { receipt } = unwrap(await bob.log.execute(book, { seat: '2', by: 'bob' }, options))
    await back(hall, bob)
    expect(await booked(bob)).toEqual(['2:bob'])
    expect(await bob.log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 1 })
  })
})

describe('a commit of several events', () => {
  test('has one position, however it is asked for: that of its first event', async () => {
    const [hall, , bob] = apart()
    const two = [seatEvents.Booked({ seat: '1', by: 'bob' }), seatEvents.Booked({ seat: '2', by: 'bob' })]
    const { receipt } = unwrap(await bob.log.append(two))
    hall.gate.state = 'deaf'
    bob.online()
    await until(hall.clock, () => hall.gate.pushes.length > 0)
    bob.offline()
    expect(await bob.log.withdraw(receipt)).toEqual({ ok: true, sent: true })
    hall.gate.state = 'open'
    await back(hall, bob)
    expect(await bob.log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 1 })
    expect(await bob.log.deadLetters.list()).toMatchObject([{ reason: { type: 'Confirmed', position: 1 } }])
  })
})

describe('whenConfirmed', () => {
  test('is not left waiting when the log is closed', async () => {
    const [, , bob] = apart()
    const { receipt } = unwrap(await bob.log.execute(book, { seat: '1', by: 'bob' }))
    const end = bob.log.whenConfirmed(receipt).catch((error: unknown) => error)
    await bob.log.close()
    expect(await end).toMatchObject({ code: 'tidelog/log-closed' })
  })

  test('resolves when the end comes, however the commit ends', async () => {
    const [hall, ann, bob] = apart()
    hall.gate.isBroken = (data) => JSON.stringify(data).includes('mallory')
    for (const seat of ['1', '2']) unwrap(await ann.log.execute(book, { seat, by: 'ann' }))
    const asked = [
      await bob.log.execute(book, { seat: '3', by: 'bob' }),
      await bob.log.execute(book, { seat: '1', by: 'bob' }),
      await bob.log.append([seatEvents.Booked({ seat: '2', by: 'bob' })], {
        failIfEventsMatch: { tags: { seat: '2' } },
      }),
      await bob.log.execute(ensureHeld, { seat: '2x', by: 'bob' }),
      await bob.log.append([seatEvents.Told({ by: 'mallory', held: '' })]),
    ].map((outcome) => unwrap(outcome).receipt)
    const ends = Promise.all(asked.map((receipt) => bob.log.whenConfirmed(receipt)))
    await bob.log.withdraw(asked[3] ?? { commitId: '' })
    await back(hall, ann, bob)
    expect((await ends).map(({ status }) => status)).toEqual([
      'confirmed',
      'refused',
      'conflict',
      'withdrawn',
      'rejected',
    ])
    const other = bob.openTab()
    const again = asked.map(({ commitId }) => other.whenConfirmed({ commitId }))
    expect(await Promise.all(again)).toEqual(await ends)
  })

  test('of a commit that nobody knows rejects, and so does one that is given up', async () => {
    const [, , bob] = apart()
    await expect(bob.log.whenConfirmed({ commitId: 'nobody' })).rejects.toMatchObject(unknown)
    const { receipt } = unwrap(await bob.log.execute(bookAny, { by: 'bob' }))
    const giveUp = new AbortController()
    const waiting = bob.log.whenConfirmed(receipt, { signal: giveUp.signal })
    giveUp.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'tidelog/aborted' })
  })
})
