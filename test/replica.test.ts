// What becomes of a log when its server is another one.

import { unwrap } from 'tidelog'
import { adopt, dropArchive, listArchives } from 'tidelog/replica'
import { describe, expect, test, vi } from 'vitest'
import {
  book,
  halls,
  newServer,
  noted,
  offline,
  openOrigin,
  textsOf,
  whenBrought,
  whenState,
  whenSynced,
} from './halls.ts'

describe('a log whose server was reset', () => {
  /** `lost` was confirmed by a server that is not there any more, `late` is pending. */
  async function diverge() {
    const origin = openOrigin(newServer())
    const log = origin.open(halls)
    unwrap(await log.append([noted('lost')]))
    await whenSynced(log)
    origin.serve(undefined)
    const late = unwrap(await log.append([noted('late')])).receipt
    const server = newServer()
    origin.serve(server)
    log.sync.now()
    await whenState(log, 'diverged')
    return { origin, log, late, server }
  }

  test('keeps everything and goes on taking appends', async () => {
    const { log } = await diverge()
    unwrap(await log.append([noted('later')]))
    expect(await textsOf(log)).toEqual(['lost', 'late', 'later'])
  })

  test.each([
    ['missing', ['lost', 'late']],
    ['pending', ['late']],
    ['nothing', []],
  ] as const)('goes on in a fresh replica that brings what was %s', async (bring, expected) => {
    const { origin, log, late } = await diverge()
    await adopt(log, { bring })
    await expect(log.logHead()).rejects.toThrow(expect.objectContaining({ code: 'tidelog/log-closed' }))
    const next = origin.open(halls)
    await whenBrought(next)
    await whenSynced(next)
    expect(await textsOf(next)).toEqual(expected)
    expect(await next.logHead()).toMatchObject({ confirmed: expected.length, pending: 0 })
    if (bring !== 'nothing')
      expect(await next.whenConfirmed({ commitId: late.commitId })).toMatchObject({ status: 'confirmed' })
  })

  test('leaves an archive that is read and takes nothing, until it is dropped', async () => {
    const { origin, log } = await diverge()
    // Its worker lets go of what has ended.
    await origin.open(halls).ready
    await adopt(log, { bring: 'nothing' })
    const next = origin.open(halls)
    await whenBrought(next)
    const archives = await listArchives(next)
    expect(archives).toMatchObject([{ events: 1, pending: 1, isBrought: true }])
    const [archive] = archives
    const old = origin.open(halls, { archive: archive?.database ?? '' })
    expect(await textsOf(old)).toEqual(['lost', 'late'])
    expect(old.sync.get().state).toBe('off')
    await expect(old.append([noted('no')])).rejects.toThrow(expect.objectContaining({ code: 'tidelog/log-moved' }))
    expect(await dropArchive(next, { database: archive?.database ?? '' })).toBe(false)
    await old.close()
    expect(await dropArchive(next, { database: archive?.database ?? '' })).toBe(true)
    expect(await listArchives(next)).toEqual([])
    await next.close()
    const again = origin.open(halls)
    expect(await textsOf(again)).toEqual([])
    await expect(origin.open(halls, { archive: 'other' }).ready).rejects.toThrow('an archive')
    await expect(dropArchive(again, { database: 'other' })).rejects.toThrow('an archive')
  })

  test('ends in the other tabs, which say so', async () => {
    const { origin, log } = await diverge()
    const other = origin.open(halls)
    await other.ready
    await adopt(log, { bring: 'pending' })
    await vi.waitFor(() => expect(other.storage.get().state).toBe('moved'))
    await expect(other.append([noted('no')])).rejects.toThrow(expect.objectContaining({ code: 'tidelog/log-moved' }))
    await expect(adopt(other, { bring: 'pending' })).rejects.toThrow(
      expect.objectContaining({ code: 'tidelog/log-moved' }),
    )
  })

  test('decides commands anew that were pending, and keeps what is refused', async () => {
    const { origin, log, server } = await diverge()
    unwrap(await log.execute(book, { hall: 'a', who: 'ann' }))
    const refused = unwrap(await log.execute(book, { hall: 'a', who: 'bob' })).receipt
    // Under a condition that nobody can check there.
    const conditional = await log.append('notes', [noted('if')], { expectedVersion: 2 })
    const elsewhere = openOrigin(server)
    const rival = elsewhere.open(halls)
    unwrap(await rival.execute(book, { hall: 'a', who: 'zoe' }))
    await whenSynced(rival)
    await adopt(log, { bring: 'pending' })
    const next = origin.open(halls)
    await whenBrought(next)
    await whenSynced(next)
    expect((await textsOf(next)).filter((text) => text.includes('who'))).toEqual([
      '{"hall":"a","who":"zoe"}',
      '{"hall":"a","who":"ann"}',
    ])
    const letters = await next.deadLetters.list()
    // As it was meant, not as it was asked again.
    const ofBob = letters.find(({ commitId }) => commitId === refused.commitId)
    expect(ofBob?.events).toMatchObject([{ type: 'Booked', data: { hall: 'a', who: 'bob' } }])
    expect(letters.map(({ commitId, reason }) => [commitId, reason.type]).sort()).toEqual(
      [
        [refused.commitId, 'Full'],
        [unwrap(conditional).receipt.commitId, 'Conflict'],
      ].sort(),
    )
  })

  test('takes its dead letters along', async () => {
    const { origin, log } = await diverge()
    const { receipt } = unwrap(await log.append('notes', [noted('if')], { expectedVersion: 2 }))
    await adopt(log, { bring: 'pending' })
    const second = origin.open(halls)
    await whenBrought(second)
    expect(await second.deadLetters.list()).toMatchObject([{ commitId: receipt.commitId }])
    await adopt(second, { bring: 'pending' })
    const third = origin.open(halls)
    await whenBrought(third)
    expect(await third.deadLetters.list()).toMatchObject([{ commitId: receipt.commitId }])
    expect(await textsOf(third)).toEqual(['late'])
  })

  test('is adopted by one of two tabs that try it at once, as that one wants it', async () => {
    const { origin, log } = await diverge()
    const other = origin.open(halls)
    await other.ready
    const ends = await Promise.allSettled([adopt(log, { bring: 'missing' }), adopt(other, { bring: 'nothing' })])
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const next = origin.open(halls)
    await whenBrought(next)
    await whenSynced(next)
    expect(await textsOf(next)).toEqual(ends[0]?.status === 'fulfilled' ? ['lost', 'late'] : [])
  })

  test('brings over later what there was no room for', async () => {
    const { origin, log } = await diverge()
    await adopt(log, { bring: 'missing' })
    const disk = origin.disks.get([...origin.disks.keys()].at(-1) ?? '')
    if (disk === undefined) throw new Error('there is no disk')
    disk.trouble = 'full'
    const next = origin.open(halls)
    await whenState(next, 'live')
    expect(await textsOf(next)).toEqual([])
    expect(await listArchives(next)).toMatchObject([{ isBrought: false }])
    await next.close()
    disk.trouble = undefined
    const again = origin.open(halls)
    await whenBrought(again)
    await whenSynced(again)
    expect(await textsOf(again)).toEqual(['lost', 'late'])
    expect(await again.deadLetters.list()).toEqual([])
  })

  test('goes on bringing over where a tab that did was closed, and twice is once', async () => {
    const { origin, log } = await diverge()
    const texts = Array.from({ length: 500 }, (_, nth) => `late ${nth}`)
    unwrap(await log.append(texts.map(noted)))
    for (const text of ['x', 'y', 'z']) unwrap(await log.append([noted(text)]))
    await adopt(log, { bring: 'missing' })
    for (let nth = 0; nth < 3; nth++) {
      const tab = origin.open(halls)
      await tab.ready
      if (nth > 0) await whenState(tab, 'live')
      await tab.close()
    }
    const next = origin.open(halls)
    await whenBrought(next)
    await whenSynced(next)
    expect(await textsOf(next)).toEqual(['lost', 'late', ...texts, 'x', 'y', 'z'])
  })

  test('that is adopted anew before all was brought over brings what waits behind it, too', async () => {
    const { origin, log } = await diverge()
    await adopt(log, { bring: 'missing' })
    origin.serve(offline)
    const second = origin.open(halls)
    unwrap(await second.append([noted('between')]))
    await adopt(second, { bring: 'pending' })
    const third = origin.open(halls)
    const archives = await listArchives(third)
    expect(archives).toMatchObject([{ isBrought: false }, { isBrought: false }])
    for (const archive of archives) await expect(dropArchive(third, archive)).rejects.toThrow('not brought over yet')
    origin.serve(newServer())
    third.sync.now()
    await whenBrought(third)
    await whenSynced(third)
    expect(await textsOf(third)).toEqual(['lost', 'late', 'between'])
  })

  test('brings nothing of what was before where it is adopted with nothing', async () => {
    const { origin, log } = await diverge()
    await adopt(log, { bring: 'missing' })
    origin.serve(offline)
    const second = origin.open(halls)
    await second.ready
    await adopt(second, { bring: 'nothing' })
    const third = origin.open(halls)
    expect(await listArchives(third)).toMatchObject([{ isBrought: true }, { isBrought: true }])
    origin.serve(newServer())
    third.sync.now()
    await whenSynced(third)
    expect(await textsOf(third)).toEqual([])
  })

  test('refuses to adopt in a way that does not exist', async () => {
    const { log } = await diverge()
    await expect(adopt(log, { bring: 'all' as never })).rejects.toThrow('bring')
    await expect(adopt(log, { bring: 'pending', now: true } as never)).rejects.toThrow('now')
    expect(await textsOf(log)).toEqual(['lost', 'late'])
  })
})
