// What becomes of a log when its server, or its user, changes.

import { defineEvents, defineFor, defineLog, event, type LogOf, refuse, unwrap } from 'tidelog'
import {
  adopt,
  attach,
  dropArchive,
  importFrom,
  listArchives,
  type SignOutOptions,
  signOut,
  unsentOf,
} from 'tidelog/replica'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { subscribe } from 'tidelog/subscribe'
import { MemoryLocks } from 'tidelog/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { browserClock } from '../src/platform/browser.ts'
import { Origin } from './origin.ts'

const events = defineEvents({
  Booked: event(z.object({ hall: z.string(), who: z.string() }), { stream: ({ hall }) => `hall-${hall}` }),
  Noted: event(z.object({ text: z.string() }), { stream: () => 'notes' }),
})
const define = defineFor(events)
const book = define.decider({
  name: 'book',
  command: z.object({ hall: z.string(), who: z.string() }),
  scope: ({ hall }) => ({ stream: `hall-${hall}` }),
  initial: 0,
  evolve: { Booked: (count) => count + 1 },
  decide: (command, count) => (count >= 2 ? refuse('Full') : [events.Booked(command)]),
})
const halls = defineLog({ name: 'halls', events, deciders: [book] })
type HallLog = LogOf<typeof halls>
const noted = (text: string) => events.Noted({ text })

const offline = () => Promise.reject(new TypeError('there is no line'))

const closing: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})
function openOrigin(serve?: (request: Request) => Promise<Response>) {
  const origin = new Origin({ serve, deciders: [book], locks: new MemoryLocks(browserClock) })
  closing.push(origin)
  return origin
}
function newServer() {
  const handler = createSyncHandler({ model: halls, store: memoryStore(), limits: { heartbeatMs: 100 } })
  closing.push({ close: async () => handler.stop() })
  return handler
}
const textsOf = async (log: HallLog) =>
  (await log.read().all()).events.map((one) => (one.type === 'Noted' ? one.data.text : JSON.stringify(one.data)))
const whenState = (log: HallLog, state: string) => vi.waitFor(() => expect(log.sync.get().state).toBe(state), 5_000)
const whenSynced = (log: HallLog) => vi.waitFor(() => expect(log.sync.get()).toMatchObject({ synced: true }), 5_000)
/** Where a server says that its log is. */
async function headOf(serve: (request: Request) => Promise<Response>): Promise<unknown> {
  const url = 'http://server.test/sync/halls/pull?position=0&digest=0000000000000000'
  const answer = await serve(new Request(url, { headers: { 'tidelog-protocol': '1' } }))
  return (await answer.json()).head
}
const whenBrought = (log: HallLog) =>
  vi.waitFor(async () => expect((await listArchives(log)).every(({ isBrought }) => isBrought)).toBe(true), 5_000)

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

  test('refuses to adopt in a way that does not exist', async () => {
    const { log } = await diverge()
    await expect(adopt(log, { bring: 'all' as never })).rejects.toThrow('bring')
    await expect(adopt(log, { bring: 'pending', now: true } as never)).rejects.toThrow('now')
    expect(await textsOf(log)).toEqual(['lost', 'late'])
  })
})

describe('a log that had no server', () => {
  async function openLocal(texts: readonly string[]) {
    const origin = openOrigin()
    const log = origin.open(halls)
    for (const text of texts) unwrap(await log.append([noted(text)]))
    await log.close()
    return origin
  }

  test('is attached to an empty one as it is: same commits, same positions', async () => {
    const origin = await openLocal(['a', 'b'])
    origin.serve(newServer())
    const log = origin.open(halls)
    await whenState(log, 'needs-attach')
    const before = (await log.read().all()).events
    expect(await attach(log)).toEqual({ ok: true })
    const next = origin.open(halls)
    await whenSynced(next)
    expect((await next.read().all()).events).toEqual(before)
    unwrap(await next.append([noted('c')]))
    await whenSynced(next)
    expect(await textsOf(next)).toEqual(['a', 'b', 'c'])
    await vi.waitFor(async () => expect(await listArchives(next)).toEqual([]))
  })

  test('is not attached to a server that has a log of this name, but brought to its end when it is adopted', async () => {
    const serve = newServer()
    const other = openOrigin(serve).open(halls)
    unwrap(await other.append([noted('theirs')]))
    await whenSynced(other)
    const origin = await openLocal(['a', 'b'])
    origin.serve(serve)
    const log = origin.open(halls)
    expect(await attach(log)).toEqual({ ok: false, reason: { type: 'NotEmpty', head: 1 } })
    expect(await textsOf(log)).toEqual(['a', 'b'])
    expect(await headOf(serve)).toBe(1)
    await adopt(log, { bring: 'missing' })
    const next = origin.open(halls)
    await whenBrought(next)
    await whenSynced(next)
    expect(await textsOf(next)).toEqual(['theirs', 'a', 'b'])
    await vi.waitFor(async () => expect(await textsOf(other)).toEqual(['theirs', 'a', 'b']))
  })

  test('is not attached to one that has as many events, but others', async () => {
    const serve = newServer()
    const other = openOrigin(serve).open(halls)
    unwrap(await other.append([noted('theirs')]))
    await whenSynced(other)
    const origin = await openLocal(['mine'])
    origin.serve(serve)
    const log = origin.open(halls)
    expect(await attach(log)).toEqual({ ok: false, reason: { type: 'NotEmpty', head: 1 } })
    expect(await textsOf(log)).toEqual(['mine'])
  })

  test('is not attached while another device writes to the same log', async () => {
    const serve = newServer()
    const other = openOrigin(serve).open(halls)
    await whenState(other, 'live')
    const origin = await openLocal(['mine'])
    let isFirst = true
    origin.serve(async (request) => {
      if (request.url.endsWith('/push') && isFirst) {
        isFirst = false
        unwrap(await other.append([noted('theirs')]))
        await whenSynced(other)
      }
      return serve(request)
    })
    const log = origin.open(halls)
    expect(await attach(log)).toMatchObject({ ok: false, reason: { type: 'NotEmpty' } })
    await adopt(log, { bring: 'missing' })
    const next = origin.open(halls)
    await whenBrought(next)
    await whenSynced(next)
    expect(await textsOf(next)).toEqual(['theirs', 'mine'])
  })

  test('takes along what is appended while it is attached', async () => {
    const origin = await openLocal(['a'])
    const serve = newServer()
    let isFirst = true
    origin.serve(async (request) => {
      if (request.url.endsWith('/push') && isFirst) {
        isFirst = false
        unwrap(await log.append([noted('meanwhile')]))
      }
      return serve(request)
    })
    const log = origin.open(halls)
    expect(await attach(log)).toEqual({ ok: true })
    const next = origin.open(halls)
    await whenSynced(next)
    expect(await textsOf(next)).toEqual(['a', 'meanwhile'])
  })

  test('takes along what is appended when all is pushed and nothing is ended yet', async () => {
    let isFirst = true
    const origin = new Origin({
      locks: new MemoryLocks(browserClock),
      onOpening: async (name) => {
        if (!name.endsWith('#2') || !isFirst) return
        isFirst = false
        unwrap(await log.append([noted('at last')]))
      },
    })
    closing.push(origin)
    const local = origin.open(halls)
    unwrap(await local.append([noted('a')]))
    await local.close()
    origin.serve(newServer())
    const log = origin.open(halls)
    expect(await attach(log)).toEqual({ ok: true })
    const next = origin.open(halls)
    await whenSynced(next)
    expect(await textsOf(next)).toEqual(['a', 'at last'])
  })

  test('is not attached when the server rejects one of its commits, and says which', async () => {
    const origin = await openLocal([])
    const log = origin.open(halls)
    const { receipt } = unwrap(await log.append([noted('never')]))
    await log.close()
    const problem = { type: 'no', title: 'Not here' }
    const handler = createSyncHandler({ model: halls, store: memoryStore(), validate: () => problem })
    closing.push({ close: async () => handler.stop() })
    origin.serve(handler)
    const again = origin.open(halls)
    expect(await attach(again)).toEqual({
      ok: false,
      reason: { type: 'Rejected', commitId: receipt.commitId, problem },
    })
    expect(await textsOf(again)).toEqual(['never'])
  })

  test('goes on with an attachment that broke off', async () => {
    const origin = await openLocal(['a', 'b', 'c'])
    const serve = newServer()
    let pushes = 0
    // The server has taken it, and nobody hears of it.
    origin.serve(async (request) => {
      const answer = await serve(request)
      const isPush = request.url.endsWith('/push')
      pushes += Number(isPush)
      return isPush && pushes === 1 ? Promise.reject(new TypeError('cut')) : answer
    })
    const log = origin.open(halls)
    expect(await attach(log)).toMatchObject({ ok: false, reason: { type: 'Unreachable' } })
    expect(await textsOf(log)).toEqual(['a', 'b', 'c'])
    unwrap(await log.append([noted('d')]))
    expect(await attach(log)).toEqual({ ok: true })
    const next = origin.open(halls)
    await whenSynced(next)
    expect(await textsOf(next)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('keeps what its consumers have done when it is attached', async () => {
    const origin = await openLocal(['a', 'b'])
    const heard: string[] = []
    const follow = async (log: HallLog) => {
      const run = subscribe(log, { name: 'mailer', to: 'head' }, async (event) => {
        heard.push(event.type === 'Noted' ? event.data.text : '')
      })
      expect(await run.ended).toEqual({ reason: 'head-reached' })
    }
    const local = origin.open(halls)
    await follow(local)
    await local.close()
    origin.serve(newServer())
    const log = origin.open(halls)
    expect(await attach(log)).toEqual({ ok: true })
    const next = origin.open(halls)
    await whenSynced(next)
    unwrap(await next.append([noted('c')]))
    await whenSynced(next)
    await follow(next)
    expect(heard).toEqual(['a', 'b', 'c'])
  })

  test('has nothing to attach when it has a server', async () => {
    const log = openOrigin(newServer()).open(halls)
    unwrap(await log.append([noted('a')]))
    expect(await attach(log)).toEqual({ ok: false, reason: { type: 'NotLocal' } })
  })

  test('is imported with its dead letters, once', async () => {
    const serve = newServer()
    const rejecting = createSyncHandler({
      model: halls,
      store: memoryStore(),
      validate: () => ({ type: 'no', title: 'Not here' }),
    })
    closing.push({ close: async () => rejecting.stop() })
    const origin = openOrigin(rejecting)
    const bob = origin.open(halls, { principal: 'bob' })
    unwrap(await bob.append([noted('never')]))
    await vi.waitFor(async () => expect(await bob.deadLetters.list()).toHaveLength(1), 5_000)
    origin.serve(serve)
    const ann = origin.open(halls, { principal: 'ann' })
    expect(await importFrom(ann, bob)).toEqual({ commits: 0, letters: 1 })
    expect(await importFrom(ann, bob)).toEqual({ commits: 0, letters: 0 })
    expect(await ann.deadLetters.list()).toMatchObject([{ events: [{ data: { text: 'never' } }] }])
    // What was never taken is only here.
    expect(await signOut(ann, { unsent: 'push', timeoutMs: 50 })).toMatchObject({
      ok: false,
      reason: { deadLetters: 1 },
    })
  })

  test('is imported into the log of a user, once', async () => {
    const origin = await openLocal(['a', 'b'])
    const anonymous = origin.open(halls)
    const ann = origin.open(halls, { principal: 'ann' })
    unwrap(await ann.append([noted('own')]))
    expect(await importFrom(ann, anonymous)).toEqual({ commits: 2, letters: 0 })
    expect(await importFrom(ann, anonymous)).toEqual({ commits: 2, letters: 0 })
    expect(await textsOf(ann)).toEqual(['own', 'a', 'b'])
    expect(await textsOf(anonymous)).toEqual(['a', 'b'])
    await expect(importFrom(ann, ann)).rejects.toThrow(expect.objectContaining({ code: 'tidelog/argument' }))
  })
})

describe('a user who signs out', () => {
  const openSignedIn = async (serve = newServer()) => {
    const origin = openOrigin(serve)
    const log = origin.open(halls, { principal: 'ann' })
    unwrap(await log.append([noted('sent')]))
    await whenSynced(log)
    return { origin, log }
  }

  test('has a database of their own: another user sees nothing of it', async () => {
    const { origin } = await openSignedIn()
    origin.serve(undefined)
    expect(await textsOf(origin.open(halls, { principal: 'bob' }))).toEqual([])
  })

  test('is told what only this device has', async () => {
    const { origin, log } = await openSignedIn()
    expect(await unsentOf(log)).toEqual({ pending: 0, deadLetters: 0, local: 0 })
    origin.serve(undefined)
    unwrap(await log.append([noted('unsent')]))
    expect(await unsentOf(log)).toEqual({ pending: 1, deadLetters: 0, local: 0 })
  })

  test('may keep all for the next time', async () => {
    const { origin, log } = await openSignedIn()
    origin.serve(undefined)
    unwrap(await log.append([noted('unsent')]))
    expect(await signOut(log, { unsent: 'keep' })).toEqual({
      ok: true,
      unsent: { pending: 1, deadLetters: 0, local: 0 },
      isWiped: false,
    })
    await expect(log.append([noted('no')])).rejects.toThrow(expect.objectContaining({ code: 'tidelog/log-closed' }))
    expect(await textsOf(origin.open(halls, { principal: 'ann' }))).toEqual(['sent', 'unsent'])
  })

  test('may push first: then nothing of it is left on the device', async () => {
    const { origin, log } = await openSignedIn()
    unwrap(await log.append([noted('last')]))
    expect(await signOut(log, { unsent: 'push' })).toMatchObject({ ok: true, isWiped: true })
    expect([...origin.disks.keys()]).toEqual([])
    const again = origin.open(halls, { principal: 'ann' })
    await whenSynced(again)
    expect(await textsOf(again)).toEqual(['sent', 'last'])
  })

  test('stays signed in when what is unsent can’t be pushed', async () => {
    const { origin, log } = await openSignedIn()
    origin.serve(undefined)
    unwrap(await log.append([noted('unsent')]))
    expect(await signOut(log, { unsent: 'push', timeoutMs: 50 })).toEqual({
      ok: false,
      reason: { type: 'Unsent', pending: 1, deadLetters: 0, local: 0 },
    })
    unwrap(await log.append([noted('goes on')]))
    expect(await textsOf(log)).toEqual(['sent', 'unsent', 'goes on'])
  })

  test('does not push away a log that has no server', async () => {
    const log = openOrigin().open(halls)
    unwrap(await log.append([noted('a')]))
    expect(await signOut(log, { unsent: 'push', timeoutMs: 50 })).toMatchObject({
      ok: false,
      reason: { type: 'Unsent', local: 1 },
    })
  })

  test('may wipe all, archives too', async () => {
    const { origin, log } = await openSignedIn()
    await adopt(log, { bring: 'nothing' })
    origin.serve(offline)
    const next = origin.open(halls, { principal: 'ann' })
    unwrap(await next.append([noted('unsent')]))
    expect(origin.disks.size).toBe(2)
    expect(await signOut(next, { unsent: 'wipe' })).toMatchObject({
      ok: true,
      unsent: { pending: 1 },
      isWiped: true,
    })
    expect([...origin.disks.keys()]).toEqual([])
    expect(await textsOf(origin.open(halls, { principal: 'ann' }))).toEqual([])
  })

  test.each(['keep', 'wipe'] as const)('is signed out in every tab (%s)', async (unsent: SignOutOptions['unsent']) => {
    const { origin, log } = await openSignedIn()
    const other = origin.open(halls, { principal: 'ann' })
    await other.ready
    expect(await signOut(log, { unsent })).toMatchObject({ ok: true })
    await vi.waitFor(() => expect(other.storage.get().state).toBe('signed-out'))
    await expect(other.append([noted('no')])).rejects.toThrow(/tidelog|signed out|anew/)
    expect(origin.disks.size).toBe(unsent === 'wipe' ? 0 : 1)
  })

  test('whose browser kept the storage from being deleted finds it empty the next time', async () => {
    const { origin, log } = await openSignedIn()
    const [disk] = [...origin.disks]
    expect(await signOut(log, { unsent: 'wipe' })).toMatchObject({ ok: true })
    origin.serve(undefined)
    // As it was left, ended.
    origin.disks.set(...(disk ?? ['', undefined as never]))
    expect(await textsOf(origin.open(halls, { principal: 'ann' }))).toEqual([])
    expect([...origin.disks.keys()]).toEqual([disk?.[0]])
  })
})
