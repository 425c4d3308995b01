// What becomes of a log when its user leaves.

import { unwrap } from 'tidelog'
import { adopt, type SignOutOptions, signOut, unsentOf } from 'tidelog/replica'
import { describe, expect, test, vi } from 'vitest'
import { halls, headOf, newServer, noted, offline, openOrigin, textsOf, whenSynced } from './halls.ts'

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

  test('stays signed in, and is told of it, while something is still to be brought over from before', async () => {
    const { origin, log } = await openSignedIn()
    origin.serve(offline)
    unwrap(await log.append([noted('late')]))
    await adopt(log, { bring: 'pending' })
    const next = origin.open(halls, { principal: 'ann' })
    const unsent = { pending: 1, deadLetters: 0, local: 0 }
    expect(await unsentOf(next)).toEqual(unsent)
    expect(await signOut(next, { unsent: 'push', timeoutMs: 50 })).toEqual({
      ok: false,
      reason: { type: 'Unsent', ...unsent },
    })
    const serve = newServer()
    origin.serve(serve)
    next.sync.now()
    expect(await signOut(next, { unsent: 'push' })).toMatchObject({ ok: true, isWiped: true })
    expect(await headOf(serve)).toBe(1)
  })

  test('waits until the server has what another one had confirmed', async () => {
    const { origin, log } = await openSignedIn()
    const other = newServer()
    let answer = (): void => {}
    const answering = new Promise<void>((resolve) => {
      answer = resolve
    })
    origin.serve((request) => answering.then(() => other(request)))
    await adopt(log, { bring: 'missing' })
    const next = origin.open(halls, { principal: 'ann' })
    const leaving = signOut(next, { unsent: 'push' })
    expect(await unsentOf(next)).toEqual({ pending: 0, deadLetters: 0, local: 1 })
    answer()
    expect(await leaving).toMatchObject({ ok: true, isWiped: true })
    expect(await headOf(other)).toBe(1)
    expect([...origin.disks.keys()]).toEqual([])
  })

  test('does not wait for long where a new server has all that was confirmed before', async () => {
    const { origin, log } = await openSignedIn()
    await adopt(log, { bring: 'missing' })
    const next = origin.open(halls, { principal: 'ann' })
    expect(await signOut(next, { unsent: 'push' })).toMatchObject({ ok: true, isWiped: true })
    expect([...origin.disks.keys()]).toEqual([])
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
