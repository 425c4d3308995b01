// How the answers of a log tell one trouble from another: a business "no" is an outcome with a type, everything else is
// thrown as an error with a code.

import { defineEvents, defineFor, defineLog, event, isTidelogError, openLog, refuse, unwrap } from 'tidelog'
import { simulate } from 'tidelog/testing'
import { importLog } from 'tidelog/transfer'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Disk } from './disk.ts'
import { Origin } from './origin.ts'
import { turns } from './tabs.ts'

const Note = z.object({ text: z.string(), amount: z.number() })
const unreadable = (): never => {
  throw new Error('nobody knows how to read this')
}
const events = defineEvents({
  Noted: event(Note, { version: 2, upcast: { 1: unreadable }, stream: () => 'notes' }),
})
const define = defineFor(events)
const note = (amount = 1, text = 'x') => events.Noted({ text, amount })
const all = define.projection<number>({ name: 'all', version: 1, initial: 0, on: { Noted: (count) => count + 1 } })
const take = define.decider({
  name: 'take',
  command: Note,
  scope: () => ({ stream: 'notes' }),
  state: all,
  decide: (command) => {
    if (command.amount < 0) throw new Error('a bug of the rule')
    return command.amount > 100 ? refuse('TooMuch', { max: 100 }) : [events.Noted(command)]
  },
})
const notes = defineLog({ name: 'notes', events, deciders: [take] })

const opened: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})
function openNotes() {
  const disk = new Disk()
  const world = simulate(notes, { devices: 1, database: () => disk.database })
  opened.push(world)
  const [device] = world.devices
  device.offline()
  return { disk, world, device, log: device.log }
}
type NotesLog = ReturnType<typeof openNotes>['log']

/** `outcome …` for a "no", `error …` for what was thrown, at once or later, `fine` otherwise. */
async function endOf(use: () => unknown): Promise<string> {
  try {
    const given = (await use()) as { readonly ok?: boolean; readonly reason?: { readonly type: string } } | undefined
    return given?.ok === false ? `outcome ${given.reason?.type}` : 'fine'
  } catch (error) {
    return isTidelogError(error) ? `error ${error.code}` : `no error of ours: ${error}`
  }
}
const endsOf = async (uses: Readonly<Record<string, () => unknown>>) => {
  const ends: Record<string, string> = {}
  for (const [name, use] of Object.entries(uses)) ends[name] = await endOf(use)
  return ends
}
const any = (value: unknown): never => value as never

describe('a trouble', () => {
  test('TS-15 data that the schema or the size forbids, a conflict and a refusal are outcomes, each of its own type', async () => {
    const { log } = openNotes()
    unwrap(await log.append([note()], { commitId: 'mine' }))
    const asked: Readonly<Record<string, () => ReturnType<NotesLog['append']>>> = {
      Invalid: () => log.append([note(any('much'))]),
      TooLarge: () => log.append([note(1, 'x'.repeat(1_000_000))]),
      VersionConflict: () => any(log.append([note()], { expectedVersion: 0 })),
      ConditionConflict: () => any(log.append([note()], { failIfEventsMatch: {} })),
      IdTaken: () => log.append([note(2)], { commitId: 'mine' }),
      TooMuch: () => any(log.execute(take, { text: 'x', amount: 101 })),
    }
    for (const [type, use] of Object.entries(asked)) {
      const outcome = await use()
      if (outcome.ok) throw new Error(`${type} is wanted`)
      expect(outcome.reason.type).toBe(type)
      // An app's own refusal says what the app lets it say; the log's say it in words.
      if (type !== 'TooMuch') expect(outcome.reason).toMatchObject({ message: expect.stringMatching(/\w+ \w+/) })
      const forced = await Promise.resolve(outcome)
        .then(unwrap)
        .catch((error: unknown) => error)
      expect(forced).toMatchObject({ code: 'tidelog/outcome', cause: outcome.reason })
    }
    expect(await endOf(() => log.execute(take, any({ text: 1 })))).toBe('outcome Invalid')
    expect((await log.logHead()).pending).toBe(1)
  })

  test('TS-15 misuse is an argument error, thrown before anything is written', async () => {
    const { log } = openNotes()
    const misuse = {
      'a stream without a name': () => log.append('', [note()]),
      'no events': () => log.append([]),
      'an unknown event': () => log.append([any({ type: 'Nothing', data: {} })]),
      'an unknown option': () => log.append([note()], any({ expectedversion: 0 })),
      'a version that can not be': () => log.append([note()], { expectedVersion: -1 }),
      'an empty query': () => log.read({ query: any([]) }).all(),
      'a limit that can not be': () => log.read({ limit: -1 }).all(),
      'a marker that is none': () => log.read({ after: any({}) }).all(),
      'a decider of another log': () => log.execute(any({ ...take }), any({ text: 'x', amount: 1 })),
      'a letter that is not there': () => log.deadLetters.retry('none'),
      'a file that is none': () => importLog(log, [new Uint8Array(100)]).finished,
      'a log that is none': () => importLog(any({}), []),
      'a model without a name': () => defineLog({ name: '', events }),
      'an event without a way up': () => event(Note, { version: 2 }),
    }
    const ends = Object.fromEntries(Object.keys(misuse).map((name) => [name, 'error tidelog/argument']))
    expect(await endsOf(misuse)).toEqual(ends)
    expect((await log.logHead()).marker.revision).toBe(0)
  })

  test('TS-15 storage that is full or forbidden is an outcome of an append; one that is gone is an error of everything', async () => {
    const { log, disk, world } = openNotes()
    unwrap(await log.append([note()]))
    disk.trouble = 'full'
    expect([await endOf(() => log.append([note()])), log.storage.get().state]).toEqual(['outcome StorageFull', 'full'])
    expect(await endOf(() => log.read().all())).toBe('fine')
    disk.trouble = 'lost'
    const lost = { append: () => log.append([note()]), read: () => log.read().all(), head: () => log.logHead() }
    expect(new Set(Object.values(await endsOf(lost)))).toEqual(new Set(['error tidelog/storage-lost']))
    disk.trouble = undefined
    expect(await endsOf(lost)).toEqual({ append: 'fine', read: 'fine', head: 'fine' })
    expect([(await log.read().all()).events.length, world.clock.now() > 0]).toEqual([2, true])
    const bare = new Origin({ hasStorage: false })
    opened.push(bare)
    const strict = bare.open(notes)
    expect(await endOf(() => strict.append([note()]))).toBe('outcome StorageUnavailable')
    expect([await endOf(() => strict.read().all()), strict.storage.get().state]).toEqual(['fine', 'memory'])
  })

  test('TS-15 data nobody can read, a rule that fails and a log of a newer app are told apart', async () => {
    const { log, disk, device } = openNotes()
    unwrap(await log.append([note()]))
    expect(await endOf(() => log.execute(take, { text: 'x', amount: -1 }))).toBe('error tidelog/decider')
    const text = String(disk.rows('writes')[0]?.commits)
    disk.damage('writes', ({ revision }) => revision === 1, { commits: text.replace('"v":2', '"v":1') })
    const tab = device.openTab()
    expect(await endOf(() => tab.read().all())).toBe('error tidelog/data')
    expect(await endOf(() => tab.view(all).ready)).toBe('error tidelog/data')
    disk.add('writes', 2, { revision: 2, format: 9, kind: 'of tomorrow' })
    const old = device.openTab()
    expect(await endOf(() => old.append([note()]))).toBe('outcome UpdateNeeded')
    expect([await endOf(() => old.logHead()), old.storage.get().state]).toEqual(['fine', 'needs-newer-app'])
  })

  test('TS-15 time that is over, a wait that was called off, a closed log and a dead worker have codes of their own', async () => {
    const { log, world } = openNotes()
    const { receipt } = unwrap(await log.append([note()]))
    const late = endOf(() => log.view(all).waitFor({ ...receipt.head, revision: 99 }, { timeoutMs: 500 }))
    const stop = new AbortController()
    const off = endOf(() => log.whenConfirmed(receipt, { signal: stop.signal }))
    await turns()
    stop.abort()
    for (let steps = 0; steps < 100; steps++) world.clock.step()
    expect([await late, await off]).toEqual(['error tidelog/timeout', 'error tidelog/aborted'])
    const closed = { append: () => log.append([note()]), read: () => log.read().all(), head: () => log.logHead() }
    await log.close()
    expect(new Set(Object.values(await endsOf(closed)))).toEqual(new Set(['error tidelog/log-closed']))
    const dead = openLog(notes, { worker: deadWorker })
    opened.push(dead)
    expect(await endOf(() => dead.ready)).toBe('error tidelog/worker-lost')
    expect(await endOf(() => dead.append([note()]))).toBe('error tidelog/worker-lost')
  })

  test('TS-15 what is not there is no error: an empty answer, version 0, the initial state', async () => {
    const { log } = openNotes()
    expect(await log.read({ stream: 'nowhere' }).all()).toMatchObject({ events: [] })
    expect(await log.streamHead('nowhere')).toEqual({ version: 0, confirmed: 0 })
    expect(await log.view(all).ready).toBe(0)
    expect(await log.deadLetters.discard('none')).toBe(false)
    expect(await log.withdraw({ commitId: 'none' })).toEqual({ ok: false, reason: { type: 'NotPending' } })
  })
})

/** A worker whose script does not load. */
function deadWorker(): Worker {
  const { port1 } = new MessageChannel()
  const worker = Object.assign(port1, {
    terminate: () => port1.close(),
    onerror: (_event: { readonly message: string }): void => {},
  })
  queueMicrotask(() => worker.onerror({ message: 'no such script' }))
  return any(worker)
}
