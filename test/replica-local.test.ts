// What becomes of a log that had no server when it gets one, or a user.

import { unwrap } from 'tidelog'
import { adopt, attach, importFrom, listArchives, signOut } from 'tidelog/replica'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { subscribe } from 'tidelog/subscribe'
import { MemoryLocks } from 'tidelog/testing'
import { describe, expect, test, vi } from 'vitest'
import { browserClock } from '../src/platform/browser.ts'
import {
  closing,
  type HallLog,
  halls,
  headOf,
  newServer,
  noted,
  openOrigin,
  textsOf,
  whenBrought,
  whenState,
  whenSynced,
} from './halls.ts'
import { Origin } from './origin.ts'

describe('a log that had no server', () => {
  async function openLocal(texts: readonly string[]) {
    const origin = openOrigin()
    const log = origin.open(halls)
    for (const text of texts) unwrap(await log.append([noted(text)]))
    await log.close()
    return origin
  }

  /** Bob's log has a dead letter. */
  async function openRefused() {
    const rejecting = createSyncHandler({
      model: halls,
      store: memoryStore(),
      validate: () => ({ type: 'no', title: 'Not here' }),
    })
    closing.push({ close: async () => rejecting.stop() })
    const origin = openOrigin(rejecting)
    const bob = origin.open(halls, { principal: 'bob' })
    const { receipt } = unwrap(await bob.append([noted('never')]))
    await vi.waitFor(async () => expect(await bob.deadLetters.list()).toHaveLength(1), 12_000)
    return { origin, bob, receipt }
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

  test('is pushed again when the server loses it before the replica has it', async () => {
    const origin = await openLocal(['a', 'b'])
    origin.serve(newServer())
    const log = origin.open(halls)
    expect(await attach(log)).toEqual({ ok: true })
    const restored = newServer()
    origin.serve(restored)
    const next = origin.open(halls)
    await whenBrought(next)
    await whenSynced(next)
    expect(await textsOf(next)).toEqual(['a', 'b'])
    expect(await headOf(restored)).toBe(2)
  })

  test('takes its dead letters along when it is attached', async () => {
    const { origin, bob, receipt } = await openRefused()
    origin.serve(undefined)
    const local = origin.open(halls)
    unwrap(await local.append([noted('a')]))
    await importFrom(local, bob)
    await local.close()
    origin.serve(newServer())
    expect(await attach(origin.open(halls))).toEqual({ ok: true })
    const next = origin.open(halls)
    await whenSynced(next)
    await vi.waitFor(async () => expect(await listArchives(next)).toEqual([]))
    expect(await next.deadLetters.list()).toMatchObject([{ commitId: receipt.commitId }])
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
    const { origin, bob } = await openRefused()
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
