// A recorder in a page: what it is given comes into the log without a wait, also when the page is about to end.

import { createRecorder, type RecorderOptions } from 'tidelog/record'
import { afterEach, expect, test } from 'vitest'
import { events, type NotesLog, newKey, openNotes } from './notes.ts'

afterEach(() => {
  Reflect.deleteProperty(document, 'visibilityState')
})

const measured = (value: number) => events.Measured({ sensor: 'one', value })
const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1)
const valuesIn = async (log: NotesLog): Promise<unknown[]> =>
  (await log.read().all()).events.map(({ data }) => 'value' in data && data.value)

/** A recorder whose storage is full for as long as the test says. */
function openFull(log: NotesLog, options?: RecorderOptions) {
  const disk = { isFull: true }
  const full = { ok: false, reason: { type: 'StorageFull', message: 'no room' } }
  const append = async (...args: Parameters<NotesLog['append']>) => (disk.isFull ? full : log.append(...args))
  return { disk, recorder: createRecorder({ ...log, append } as unknown as NotesLog, options) }
}

test('GR-1 GR-4 250 events that nobody waits for are there in order, for other tabs too, when close resolves', async () => {
  const key = newKey()
  const [log, other] = [openNotes(key), openNotes(key)]
  const recorder = createRecorder(log)
  expect(upTo(250).filter((value) => recorder.record(measured(value)))).toHaveLength(250)
  await recorder.close()
  expect(recorder.status.get()).toMatchObject({ state: 'closed', recorded: 250, buffered: 0 })
  expect(await valuesIn(other)).toEqual(upTo(250))
})

test.each(['visibilitychange', 'pagehide'] as const)('GR-2 %s brings out what storage refused before', async (how) => {
  const log = openNotes(newKey())
  const { recorder, disk } = openFull(log)
  for (const value of [1, 2]) recorder.record(measured(value))
  const dueIn = () => (recorder.status.get().retryAt ?? 0) - Date.now()
  // Until it is by chance that the next try is far away.
  do await expect(recorder.flush()).rejects.toMatchObject({ code: 'tidelog/storage-lost' })
  while (dueIn() < 2_000)
  disk.isFull = false
  const { retryAt, buffered } = recorder.status.get()
  expect(buffered).toBe(2)
  const durable = new Promise<void>((resolve) => {
    recorder.status.subscribe(() => recorder.status.get().buffered === 0 && resolve())
  })
  if (how === 'pagehide') dispatchEvent(new Event(how))
  else {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' })
    document.dispatchEvent(new Event(how))
  }
  await durable
  expect(Date.now()).toBeLessThan(retryAt!)
  expect(await valuesIn(log)).toEqual([1, 2])
  await recorder.close()
})

test('GR-B a full buffer is seen and counted, and what it holds comes in when there is room', async () => {
  const log = openNotes(newKey())
  const { recorder, disk } = openFull(log, { bufferMax: 150 })
  expect(upTo(160).filter((value) => recorder.record(measured(value)))).toEqual(upTo(150))
  await expect(recorder.flush()).rejects.toMatchObject({ cause: { type: 'StorageFull' } })
  expect(recorder.status.get()).toMatchObject({ state: 'full', buffered: 150, refused: 10, dropped: 0 })
  disk.isFull = false
  await recorder.close()
  expect(recorder.status.get()).toMatchObject({ state: 'closed', recorded: 150, refused: 10 })
  expect(await valuesIn(log)).toEqual(upTo(150))
})
