import { defineEvents, defineLog, event, TidelogError, type } from 'tidelog'
import { createRecorder, type RecorderOptions, type RecorderStatus } from 'tidelog/record'
import { simulate } from 'tidelog/testing'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { z } from 'zod'

const events = defineEvents({
  Seen: event(type<{ n: number; by?: string | null }>(), { stream: () => 'seen' }),
  Priced: event(z.object({ n: z.number(), price: z.number() }), { stream: () => 'seen' }),
})
const model = defineLog({ name: 'recorded', events })
type SeenFact = ReturnType<typeof events.Seen>
const seen = (n: number): SeenFact => events.Seen({ n })
const from1 = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1)

const worlds: { close(): Promise<void> }[] = []
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
})
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  await Promise.all(worlds.splice(0).map((world) => world.close()))
})

const lost = (code: 'tidelog/storage-lost' | 'tidelog/worker-lost') => new TidelogError(code, 'gone')
const full = { ok: false, reason: { type: 'StorageFull', message: 'no room' } }
interface Try {
  readonly commitId: string
  readonly ns: readonly number[]
}

/** A recorder, the tries it makes, and what another tab finds. `answer` stands in for the log where it gives something. */
function open(options?: RecorderOptions, answer: (nth: number) => unknown = () => undefined) {
  const world = simulate(model, { devices: 1 })
  worlds.push(world)
  const [device] = world.devices
  const tries: Try[] = []
  const disk = { answer }
  const append = async (facts: readonly SeenFact[], { commitId }: { commitId: string }) => {
    tries.push({ commitId, ns: facts.map(({ data }) => data.n) })
    return (await disk.answer(tries.length)) ?? device.log.append(facts, { commitId })
  }
  const recorder = createRecorder({ ...device.log, append } as unknown as typeof device.log, options)
  const tab = device.openTab()
  const inLog = async () => (await tab.read().all()).events.map(({ data }) => data.n)
  const record = (...ns: readonly number[]) => ns.map((n) => recorder.record(seen(n)))
  /** Resolves when the status is like that. */
  const becomes = (like: Partial<RecorderStatus>) =>
    new Promise<void>((resolve) => {
      const look = () => {
        const status = recorder.status.get()
        if (Object.entries(like).every(([name, value]) => status[name as keyof RecorderStatus] === value)) resolve()
      }
      recorder.status.subscribe(look)
      look()
    })
  return { recorder, record, becomes, disk, tries, inLog, log: device.log }
}

const hostile = (): unknown[] => {
  const fail = () => {
    throw new Error('a trap')
  }
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  return [
    ...[undefined, null, 7, 'text', [], {}, () => {}, { type: 7, data: {} }, { type: 'Seen' }, revoked.proxy],
    new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail }),
    ...[10n, Number.NaN, new Date(0), Symbol('s'), new Map()].map((n) => ({ type: 'Seen', data: { n } })),
    { type: 'Seen', data: new Proxy({}, { ownKeys: () => fail(), getPrototypeOf: () => fail() }) },
    { toEvent: fail },
    {
      toEvent: () => {
        throw { toString: fail }
      },
    },
  ]
}

test('GR-1 record answers at once and without an error, whatever it is given, also after close and on a closed log', async () => {
  const { recorder, record, tries, inLog, log } = open()
  const all = hostile()
  expect(all.map((one) => recorder.record(one as never))).toEqual(all.map(() => false))
  expect(recorder.status.get()).toMatchObject({ rejectedCount: all.length, buffered: 0 })
  for (const { reason } of recorder.status.get().rejected) expect(reason).toMatchObject({ message: expect.any(String) })
  expect(record(1)).toEqual([true])
  expect(tries).toEqual([])
  await recorder.close()
  expect([...record(2), ...hostile().map((one) => recorder.record(one as never))]).not.toContain(true)
  expect(recorder.status.get()).toMatchObject({ state: 'closed', recorded: 1, refused: 1 + all.length })
  expect(await inLog()).toEqual([1])
  await log.close()
  const late = createRecorder(log)
  expect([late.record(seen(3)), ...hostile().map((one) => late.record(one as never))].filter(Boolean)).toEqual([true])
  await expect(late.flush()).rejects.toMatchObject({ code: 'tidelog/log-closed' })
  expect(late.record(seen(4))).toBe(false)
})

test('GR-1 what a subscriber throws does not come out of record', async () => {
  const { recorder, record } = open()
  const thrown: unknown[] = []
  vi.stubGlobal('queueMicrotask', (run: () => void) => Promise.resolve().then(run).catch(thrown.push.bind(thrown)))
  recorder.status.subscribe(() => {
    throw new Error('a subscriber')
  })
  expect(record(1)).toEqual([true])
  await recorder.flush()
  expect(thrown).toContainEqual(new Error('a subscriber'))
})

test('GR-1 GR-B the buffer holds 2,048 events by default, and says so when it is full', async () => {
  const { recorder, record, becomes, disk, inLog } = open({}, () => full)
  expect(record(...from1(2_050)).lastIndexOf(true)).toBe(2_047)
  expect(recorder.status.get()).toMatchObject({ state: 'full', buffered: 2_048, refused: 2, dropped: 0 })
  await becomes({ failures: 1 })
  disk.answer = () => undefined
  await recorder.flush()
  expect(recorder.status.get()).toMatchObject({ state: 'ok', buffered: 0, recorded: 2_048, refused: 2 })
  expect(await inLog()).toEqual(from1(2_048))
})

test('GR-2 what is recorded in one tick goes out in it, and what comes during an append goes with the next, 100 at most', async () => {
  const { recorder, record, tries, inLog } = open()
  record(1, 2)
  record(3)
  expect(tries).toHaveLength(0)
  await undefined
  expect(tries.map(({ ns }) => ns)).toEqual([[1, 2, 3]])
  record(...from1(253).slice(3))
  await undefined
  expect(tries).toHaveLength(1)
  await recorder.close()
  expect(tries.map(({ ns }) => ns.length)).toEqual([3, 100, 100, 50])
  expect(await inLog()).toEqual(from1(253))
})

/** A page as far as a recorder sees it. */
function stubPage() {
  const page = new EventTarget()
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  vi.stubGlobal('document', document)
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  const turn = (visibilityState: string) => {
    document.visibilityState = visibilityState
    document.dispatchEvent(new Event('visibilitychange'))
  }
  return { hide: () => page.dispatchEvent(new Event('pagehide')), turn }
}

test('GR-2 a storage that refuses is tried again at once for 100 more events, a flush, a page that is hidden, a close', async () => {
  const page = stubPage()
  const { recorder, record, becomes, disk, tries, inLog } = open({}, () => full)
  record(1)
  await becomes({ failures: 1 })
  const triesAfter = async (act: () => unknown) => {
    act()
    for (let turns = 0; turns < 20; turns++) await undefined
    return tries.length
  }
  expect(await triesAfter(() => record(...from1(100).slice(1)))).toBe(1)
  expect(await triesAfter(() => record(101))).toBe(2)
  expect(await triesAfter(() => recorder.flush().catch(() => {}))).toBe(3)
  expect(await triesAfter(() => page.turn('visible'))).toBe(3)
  expect(await triesAfter(() => page.turn('hidden'))).toBe(4)
  expect(await triesAfter(() => page.hide())).toBe(5)
  disk.answer = () => undefined
  await recorder.close()
  expect(await inLog()).toEqual(from1(101))
})

test('GR-3 tries again by exponential back-off with full jitter, at least every 5 s, without a loss, in order', async () => {
  const { recorder, record, becomes, disk, tries, inLog } = open({}, () => {
    expect(recorder.status.get().retryAt).toBeUndefined()
    return full
  })
  const waits: number[] = []
  record(1, 2)
  for (let failures = 1; failures <= 40; failures++) {
    await becomes({ failures })
    record(failures + 2)
    waits.push((recorder.status.get().retryAt ?? 0) - Date.now())
    expect(recorder.status.get()).toMatchObject({ state: 'retrying', buffered: failures + 2, dropped: 0 })
    await vi.advanceTimersByTimeAsync((waits.at(-1) ?? 0) - 1)
    expect(tries).toHaveLength(failures)
    vi.mocked(Math.random).mockReturnValue(failures % 10 < 8 ? 0.5 : 0.999)
    await vi.advanceTimersByTimeAsync(1)
    expect(tries).toHaveLength(failures + 1)
  }
  expect(waits.slice(0, 8)).toEqual([63, 125, 250, 500, 1_000, 2_000, 2_500, 2_500])
  expect(Math.max(...waits)).toBe(4_995)
  expect(new Set(tries.map(({ commitId }) => commitId)).size).toBe(1)
  disk.answer = () => undefined
  await recorder.flush()
  expect(recorder.status.get()).toMatchObject({ state: 'ok', failures: 0, lastError: undefined, retryAt: undefined })
  expect(await inLog()).toEqual(from1(42))
})

test('GR-3 an append whose answer is lost is the same append when it is tried again', async () => {
  const { recorder, record, becomes, log, tries, inLog } = open({}, async (nth) => {
    if (nth > 1) return undefined
    await log.append([seen(1), seen(2)], { commitId: tries[0]!.commitId })
    throw lost('tidelog/worker-lost')
  })
  record(1, 2)
  await becomes({ failures: 1 })
  record(3)
  expect(recorder.status.get().lastError).toEqual({ type: 'tidelog/worker-lost', message: 'gone' })
  await recorder.flush()
  expect(tries.map(({ ns }) => ns)).toEqual([[1, 2], [1, 2], [3]])
  expect(await inLog()).toEqual([1, 2, 3])
})

test('GR-4 close resolves when all that was accepted is durable, however long storage refuses, and takes no more', async () => {
  const { recorder, record, becomes, disk, inLog } = open({}, () => full)
  record(...from1(150))
  const closing = recorder.close()
  expect(recorder.close()).toBe(closing)
  expect(record(151)).toEqual([false])
  let isClosed = false
  void closing.then(() => {
    isClosed = true
  })
  for (let failures = 1; failures < 10; failures++) {
    await becomes({ failures })
    await vi.advanceTimersByTimeAsync((recorder.status.get().retryAt ?? 0) - Date.now())
  }
  await becomes({ failures: 10 })
  expect([isClosed, await inLog()]).toEqual([false, []])
  disk.answer = () => undefined
  await vi.advanceTimersByTimeAsync(5_000)
  await closing
  expect(recorder.status.get()).toMatchObject({ state: 'closed', buffered: 0, recorded: 150, refused: 1 })
  expect(await inLog()).toEqual(from1(150))
  await recorder.flush()
})

test.each([
  'StorageFull',
  'StorageUnavailable',
  'UpdateNeeded',
  'tidelog/storage-lost',
  'tidelog/worker-lost',
] as const)(
  'GR-5 flush rejects while storage refuses (%s), and the status shows it until storage takes it',
  async (type) => {
    const { recorder, record, disk, inLog } = open({}, () => {
      if (type === 'tidelog/storage-lost' || type === 'tidelog/worker-lost') throw lost(type)
      return { ok: false, reason: { type, message: 'gone' } }
    })
    record(1)
    for (const failures of [1, 2]) {
      const code = type === 'tidelog/worker-lost' ? type : 'tidelog/storage-lost'
      await expect(recorder.flush()).rejects.toMatchObject({ code, message: 'gone' })
      const lastError = { type, message: 'gone' }
      expect(recorder.status.get()).toMatchObject({
        state: 'retrying',
        failures,
        lastError,
        buffered: 1,
        rejectedCount: 0,
      })
      expect(recorder.status.get().retryAt).toBeGreaterThan(Date.now())
    }
    disk.answer = () => undefined
    await recorder.flush()
    expect(recorder.status.get()).toMatchObject({ state: 'ok', recorded: 1, failures: 0 })
    expect(await inLog()).toEqual([1])
  },
)

test('GR-5 a flush during a try that is refused rejects, and one for events that are durable resolves', async () => {
  const { recorder, record, tries } = open({}, (nth) => (nth > 1 ? full : undefined))
  record(...from1(100))
  const first = recorder.flush()
  record(101)
  const second = recorder.flush()
  await first
  await expect(second).rejects.toMatchObject({ code: 'tidelog/storage-lost', cause: full.reason })
  expect(tries.map(({ ns }) => ns.length)).toEqual([100, 1])
})

test('GR-5 what a closed log can not take stays in the buffer, and flush and close reject', async () => {
  const { recorder, record, log } = open()
  record(1, 2)
  await log.close()
  for (const end of [recorder.flush, recorder.close, recorder.flush])
    await expect(end()).rejects.toMatchObject({ code: 'tidelog/log-closed' })
  expect(record(3)).toEqual([false])
  const lastError = { type: 'tidelog/log-closed', message: expect.any(String) }
  expect(recorder.status.get()).toMatchObject({ state: 'lost', buffered: 2, recorded: 0, refused: 1, lastError })
})

test('GR-6 a field that changes its kind is a SchemaMismatch; null and absent fields fit everything', async () => {
  const { recorder, inLog } = open()
  const record = (data: object) => recorder.record({ type: 'Seen', data } as never)
  const mismatch = (actual: object) => ({
    event: { type: 'Seen', data: expect.anything() },
    reason: {
      type: 'SchemaMismatch',
      eventType: 'Seen',
      expected: { n: 'number', by: 'string', constructor: 'array' },
      actual,
      message: expect.any(String),
    },
  })
  expect(record({ n: 1, by: null, constructor: [] })).toBe(true)
  expect(record({ n: 2, by: 'ann' })).toBe(true)
  // In the tick in which the kind is first seen it is not known yet whether the log takes that event.
  expect(record({ n: 3, by: { name: 'bob' } })).toBe(true)
  expect(record({ n: 4 })).toBe(true)
  await recorder.flush()
  expect(record({ n: '5' })).toBe(false)
  expect(record({ n: 6, by: null, constructor: {} })).toBe(false)
  expect(record({ n: null, by: 'ann', more: true })).toBe(true)
  expect(recorder.record(events.Priced({ n: 7, price: 1 }))).toBe(true)
  await recorder.close()
  expect(recorder.status.get().rejected).toEqual([
    mismatch({ n: 'number', by: 'object' }),
    mismatch({ n: 'string' }),
    mismatch({ n: 'number', constructor: 'object' }),
  ])
  expect(await inLog()).toEqual([1, 2, 4, null, 7])
})

test('GR-6 what the schema of the model refuses is Invalid, and its kinds are not remembered', async () => {
  const { recorder, inLog } = open()
  const priced = (n: number, price: unknown) => recorder.record({ type: 'Priced', data: { n, price } } as never)
  expect([priced(1, '1 €'), priced(2, 2), priced(3, 'free'), priced(4, 4)]).not.toContain(false)
  await recorder.close()
  const { rejected, recorded } = recorder.status.get()
  expect(recorded).toBe(2)
  expect(rejected).toMatchObject([
    { event: { data: { price: '1 €' } }, reason: { type: 'Invalid', issues: [{ path: 'events[0].data.price' }] } },
    { event: { data: { price: 'free' } }, reason: { type: 'SchemaMismatch' } },
  ])
  expect(await inLog()).toEqual([2, 4])
})

test('GR-7 an object says how it becomes an event, or that there is none; its data is that of the moment', async () => {
  const { recorder, inLog } = open()
  const counter = { n: 1, toEvent: () => (counter.n < 3 ? seen(counter.n) : undefined) }
  const fact = { type: 'Seen' as const, data: { n: 10, by: 'ann' } }
  for (; counter.n < 5; counter.n++) expect(recorder.record(counter)).toBe(true)
  expect(recorder.record({ toEvent: () => fact })).toBe(true)
  fact.data.n = 11
  const failing = {
    toEvent: () => {
      throw new Error('not now')
    },
  }
  expect(recorder.record(failing)).toBe(false)
  await recorder.close()
  const reason = { type: 'Error', message: 'Error: not now' }
  expect(recorder.status.get()).toMatchObject({ recorded: 3, refused: 0, rejected: [{ event: failing, reason }] })
  expect(await inLog()).toEqual([1, 2, 10])
})

test('GR-B a full buffer refuses, or drops the oldest, and counts either', async () => {
  const refusing = open({ bufferMax: 3 }, () => full)
  expect(refusing.record(1, 2, 3, 4)).toEqual([true, true, true, false])
  await refusing.becomes({ failures: 1 })
  expect(refusing.record(5)).toEqual([false])
  expect(refusing.recorder.status.get()).toMatchObject({ state: 'full', buffered: 3, refused: 2, dropped: 0 })
  const dropping = open({ bufferMax: 3, overflow: 'drop-oldest' }, () => full)
  expect(dropping.record(1, 2, 3, 4)).toEqual([true, true, true, true])
  await dropping.becomes({ failures: 1 })
  expect(dropping.record(5, 6)).toEqual([true, true])
  expect(dropping.recorder.status.get()).toMatchObject({ state: 'full', buffered: 3, refused: 0, dropped: 3 })
  for (const { recorder, disk } of [refusing, dropping]) {
    disk.answer = () => undefined
    await recorder.close()
  }
  expect(await refusing.inLog()).toEqual([1, 2, 3])
  expect(await dropping.inLog()).toEqual([4, 5, 6])
  const [first, again] = dropping.tries
  expect(again?.commitId).not.toBe(first?.commitId)
})

test('GR-B what may be in the log already is not dropped, and nothing is doubled', async () => {
  const { recorder, record, becomes, log, tries, inLog } = open(
    { bufferMax: 3, overflow: 'drop-oldest' },
    async (nth) => {
      if (nth > 1) return undefined
      await log.append([seen(1), seen(2)], { commitId: tries[0]!.commitId })
      throw lost('tidelog/storage-lost')
    },
  )
  record(1, 2)
  await becomes({ failures: 1 })
  expect(record(3, 4, 5)).toEqual([true, true, true])
  expect(recorder.status.get()).toMatchObject({ buffered: 3, dropped: 2 })
  await recorder.flush()
  record(6, 7)
  await undefined
  expect(tries.at(-1)?.ns).toEqual([6, 7])
  expect(record(8, 9, 10)).toEqual([true, true, true])
  await recorder.close()
  expect(recorder.status.get()).toMatchObject({ recorded: 6, dropped: 4 })
  expect(await inLog()).toEqual([1, 2, 5, 6, 7, 10])
})

test('GR-B poison events are isolated by halves: the others come in, in order, and the last 100 are shown', async () => {
  const { recorder, tries, inLog } = open()
  const poison = [1, 50, 51, 180]
  const record = (n: number, isPoison: boolean) =>
    recorder.record({ type: 'Priced', data: { n, ...(isPoison ? {} : { price: n }) } } as never)
  for (const n of from1(180)) record(n, poison.includes(n))
  await recorder.flush()
  expect(recorder.status.get()).toMatchObject({ state: 'ok', recorded: 176, rejectedCount: 4, buffered: 0 })
  expect(recorder.status.get().rejected.map(({ event }) => (event as SeenFact).data.n)).toEqual(poison)
  expect(await inLog()).toEqual(from1(180).filter((n) => !poison.includes(n)))
  expect(tries.length).toBeLessThan(60)
  expect(new Set(tries.map(({ commitId }) => commitId)).size).toBe(tries.length)
  for (const n of from1(104)) record(1_000 + n, true)
  record(2_000, false)
  await recorder.close()
  const { rejected, rejectedCount } = recorder.status.get()
  expect([rejectedCount, rejected.length]).toEqual([108, 100])
  expect(rejected[0]).toMatchObject({ event: { data: { n: 1_005 } } })
  expect((await inLog()).at(-1)).toBe(2_000)
})
