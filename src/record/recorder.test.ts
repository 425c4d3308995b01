import { defineEvents, defineLog, event, isTidelogError, TidelogError, type } from 'tidelog'
import { seededRandom, simulate, VirtualClock } from 'tidelog/testing'
import { expect, test } from 'vitest'
import type { Append } from './drain.ts'
import { createRecorder, type RecorderOptions } from './index.ts'
import { createRecorderOver } from './recorder.ts'

let drawn = 0
const drawing = {
  ...type<{ n: number; drawn?: number }>(),
  '~standard': { version: 1, vendor: 'test', validate: (value: object) => ({ value: { ...value, drawn: ++drawn } }) },
} as ReturnType<typeof type<{ n: number; drawn?: number }>>
const events = defineEvents({ Drawn: event(drawing, { stream: () => 'drawn' }) })
const openDevice = () => {
  const world = simulate(defineLog({ name: 'drawn', events }), { devices: 1 })
  return { world, log: world.devices[0].log }
}

const taken: Awaited<ReturnType<Append>> = {
  ok: true,
  receipt: { commitId: '', head: { database: '', revision: 1, confirmed: 1 }, versions: {}, durable: true },
  events: [],
}

const full = { ok: false, reason: { type: 'StorageFull', message: 'no room' } } as const

/** A recorder on a clock of its own; an append ends as the test says. */
function openOver(append: Append, options?: RecorderOptions) {
  const clock = new VirtualClock()
  const page = { hide: (): void => {}, isWatched: true }
  const onHidden = (callback: () => void) => {
    page.hide = callback
    return () => {
      page.isWatched = false
    }
  }
  const ports = { append: (_: unknown, ...rest: Parameters<Append>) => append(...rest), clock, onHidden }
  return { recorder: createRecorderOver({ ...ports, random: seededRandom(1) }, options), clock, page }
}
const seen = (n: number, more = {}) => ({ type: 'Seen', data: { n, ...more } }) as never

interface Told {
  readonly n: number
  readonly isBad: boolean
  readonly kind: unknown
}

/** A log that refuses, loses its answers, and takes no bad event. The same id is the same append. */
class ShakyLog {
  readonly random: ReturnType<typeof seededRandom>
  readonly held: Told[] = []
  isHealthy = false
  readonly #taken = new Map<string, string>()
  constructor(seed: number) {
    this.random = seededRandom(seed)
  }

  readonly append: Append = async (facts, { commitId }) => {
    const told = facts.map(({ data }) => data as Told)
    for (let turns = this.random.fraction() * 5; turns > 1; turns--) await undefined
    if (told.some(({ isBad }) => isBad)) throw new TidelogError('tidelog/argument', 'a bad event')
    const luck = this.isHealthy ? 1 : this.random.fraction()
    if (luck < 0.3) return full
    if (luck < 0.4) throw new TidelogError('tidelog/storage-lost', 'not taken')
    const content = JSON.stringify(told)
    const known = this.#taken.get(commitId)
    if (known !== undefined && known !== content) throw new Error('one id has two contents')
    if (known === undefined) this.held.push(...told)
    this.#taken.set(commitId, content)
    if (luck < 0.5) throw new TidelogError('tidelog/worker-lost', 'taken')
    return taken
  }
}

test.each(['reject', 'drop-oldest'] as const)(
  'whatever storage does, what was accepted comes in once and in order, or is accounted for (%s)',
  async (overflow) => {
    for (let seed = 1; seed <= 200; seed++) {
      const log = new ShakyLog(seed)
      const { fraction } = log.random
      const { recorder, clock, page } = openOver(log.append, { overflow, bufferMax: Math.ceil(fraction() * 200) })
      let given = 0
      while (given < 400) {
        for (let burst = fraction() ** 4 * 160; burst > 0; burst--, given++) {
          const kind = fraction() < 0.02 ? 'a text' : 7
          recorder.record(seen(given, { isBad: fraction() < 0.02, kind }))
        }
        for (let turns = fraction() * 20; turns > 0; turns--) await undefined
        const act = fraction()
        if (act < 0.4) clock.step()
        else if (act < 0.5) page.hide()
        else if (act < 0.6) void recorder.flush().catch(() => {})
      }
      log.isHealthy = true
      const closing = recorder.close()
      while (recorder.status.get().state !== 'closed') {
        clock.step()
        await undefined
      }
      await closing
      const { recorded, dropped, refused, rejected, rejectedCount } = recorder.status.get()
      const ns = log.held.map(({ n }) => n)
      expect(ns).toEqual([...new Set(ns)].sort((a, b) => a - b))
      expect(log.held.filter(({ kind }) => typeof kind !== typeof log.held[0]!.kind)).toEqual([])
      expect(recorded).toBe(ns.length)
      expect(recorded + dropped + refused + rejectedCount).toBe(given)
      for (const { event, reason } of rejected) {
        const { isBad, kind } = (event as { data: Told }).data
        const isOdd = typeof kind !== typeof log.held[0]?.kind
        expect(reason.type).toBe(
          isBad && reason.type !== 'SchemaMismatch' ? 'tidelog/argument' : isOdd && 'SchemaMismatch',
        )
      }
      if (overflow === 'reject') expect(dropped).toBe(0)
    }
  },
)

test('options that make no sense are refused', async () => {
  const { world, log } = openDevice()
  for (const wrong of [
    null,
    { bufferMax: 0 },
    { bufferMax: 1.5 },
    { overflow: 'drop' },
    { stream: '' },
    { metadata: { actor: 7 } },
    { metadata: 'ann' },
    { bufferMin: 1 },
  ])
    expect(() => createRecorder(log, wrong as never)).toThrow(expect.objectContaining({ name: 'tidelog/argument' }))
  expect(() => createRecorder(undefined as never)).toThrow("a log can't be")
  await world.close()
})

test('all events go to the stream and with the metadata of the options, as they were', async () => {
  const { world, log } = openDevice()
  const metadata = { actor: 'ann' }
  const recorder = createRecorder(log, { stream: 'other', metadata })
  metadata.actor = 'bob'
  recorder.record(events.Drawn({ n: 1 }))
  await recorder.close()
  const { events: all } = await log.read().all()
  expect(all).toMatchObject([{ stream: 'other', metadata: { actor: 'ann' }, data: { n: 1 } }])
  await world.close()
})

test('a batch that came in unseen is not doubled when its schema draws other content the next time', async () => {
  const { world, log } = openDevice()
  let tries = 0
  const append = async (facts: never, options: never) => {
    const outcome = await log.append(facts, options)
    tries++
    if (tries === 1) throw new TidelogError('tidelog/worker-lost', 'gone')
    expect(outcome).toMatchObject({ ok: tries > 2 })
    return outcome
  }
  const recorder = createRecorder({ ...log, append } as unknown as typeof log)
  for (const n of [1, 2]) recorder.record({ type: 'Drawn', data: { n } })
  await recorder.close()
  recorder.record({ type: 'Drawn', data: { n: 3 } })
  expect(tries).toBe(2)
  expect((await log.read().all()).events.map(({ data }) => data.n)).toEqual([1, 2])
  expect(recorder.status.get()).toMatchObject({ recorded: 2, rejectedCount: 0 })
  await world.close()
})

test('a batch is appended at once when the page is hidden, and the page is left alone after close', async () => {
  let answer: Awaited<ReturnType<Append>> = full
  const { recorder, page, clock } = openOver(async () => answer)
  recorder.record(seen(1))
  await expect(recorder.flush()).rejects.toSatisfy((error) => isTidelogError(error, 'tidelog/storage-lost'))
  answer = taken
  page.hide()
  const closing = recorder.close()
  expect(page.isWatched).toBe(true)
  await closing
  expect(page.isWatched).toBe(false)
  expect(clock.step()).toBe(false)
  expect(recorder.status.get().recorded).toBe(1)
})

test('the buffer refuses when all that it holds may be in the log already, until that is known', async () => {
  let tries = 0
  const append: Append = async () => {
    tries++
    if (tries === 1) throw new TidelogError('tidelog/storage-lost', 'no answer')
    return tries === 3 ? full : taken
  }
  const { recorder } = openOver(append, { bufferMax: 2, overflow: 'drop-oldest' })
  recorder.record(seen(1))
  recorder.record(seen(2))
  await expect(recorder.flush()).rejects.toThrow('no answer')
  expect(recorder.record(seen(3))).toBe(false)
  expect(recorder.status.get()).toMatchObject({ state: 'full', buffered: 2, dropped: 0, refused: 1 })
  await recorder.flush()
  recorder.record(seen(4))
  recorder.record(seen(5))
  await expect(recorder.flush()).rejects.toThrow('no room')
  expect(recorder.record(seen(6))).toBe(true)
  await recorder.close()
  expect(recorder.status.get()).toMatchObject({ recorded: 4, dropped: 1, refused: 1 })
})

test('subscribers hear of a tick once, and of a status that is true then', async () => {
  const { recorder } = openOver(async () => taken)
  const heard: number[] = []
  recorder.status.subscribe(() => heard.push(recorder.status.get().buffered))
  for (let n = 0; n < 50; n++) recorder.record(seen(n))
  await undefined
  expect(heard).toEqual([50])
  await recorder.flush()
  expect(recorder.status.get()).toMatchObject({ buffered: 0, recorded: 50 })
})
