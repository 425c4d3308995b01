// Streams that end, and data that is removed, as another tab, a reload and the raw database see it.

import { defineLog, type OpenOptions, openLog, unwrap } from 'tidelog'
import { closeStream, eraseStream, isClosed, listErasures, whenErased } from 'tidelog/lifecycle'
import { afterEach, expect, test } from 'vitest'
import { events, type NotesLog, newKey, note, openNotes, texts } from './notes.ts'
import { databaseOf, rawDatabase } from './raw.ts'

const topic = { topic: 'one' }
const secret = (text: string) => note(`secret-${text}`, topic)

async function unpacked(part: Uint8Array<ArrayBuffer>): Promise<string> {
  const stream = new Blob([part]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Response(stream).text()
}
/** All that is in all stores, parts unpacked. */
async function textOf(key: string): Promise<string> {
  const stores = await rawDatabase(key)
  const rows = Object.values(stores).flatMap(({ rows }) => rows)
  const all = rows.map((row) =>
    row.part instanceof Uint8Array ? unpacked(row.part as Uint8Array<ArrayBuffer>) : JSON.stringify(row),
  )
  return (await Promise.all(all)).join('\n')
}
/** Keeps every worker from carrying out erasures, until it is let go. */
async function holdErasing(key: string): Promise<() => void> {
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const name = `${await databaseOf(key)}/seal`
  await new Promise<void>((resolve) => {
    void navigator.locks.request(name, () => {
      resolve()
      return held
    })
  })
  return release
}
const dataOf = async (log: NotesLog) =>
  (await log.read({ stream: 'diary', unknown: 'yield' }).all()).events.map((one) => [one.version, one.data])

test('TS-13 a stream that was closed in one tab takes nothing in another one, nor after a reload', async () => {
  const key = newKey()
  const [tab, other] = [openNotes(key), openNotes(key)]
  unwrap(await tab.append('diary', [note('last')]))
  unwrap(await closeStream(tab, 'diary', { expectedVersion: 1 }))
  const refused = { ok: false, reason: { type: 'StreamClosed', stream: 'diary' } }
  expect(await other.append('diary', [note('late')])).toMatchObject(refused)
  await Promise.all([tab.close(), other.close()])
  const again = openNotes(key)
  expect(await again.append('diary', [note('later')])).toMatchObject(refused)
  expect([await isClosed(again, 'diary'), await isClosed(again, 'paper')]).toEqual([true, false])
  unwrap(await again.append('paper', [note('elsewhere')]))
})

test('TS-13 of what was erased nothing is left on the disk; a view in another tab and a reload show it so', async () => {
  const key = newKey()
  const [tab, other] = [openNotes(key), openNotes(key)]
  const many = Array.from({ length: 250 }, (_, at) => secret(`${at}`))
  unwrap(await tab.append('diary', many, { metadata: { actor: 'secret-actor' } }))
  unwrap(await tab.append('paper', [note('stays', topic)]))
  const view = other.view(texts, topic)
  expect(await view.ready).toHaveLength(251)
  await expect.poll(() => textOf(key)).toContain('snapshot/')
  const asked = unwrap(await eraseStream(tab, 'diary', { reason: 'asked for' }))
  await Promise.all([tab, other].map((log) => whenErased(log, asked.receipt)))
  expect(await textOf(key)).not.toContain('secret-')
  expect(await textOf(key)).toContain('stays')
  await expect.poll(view.get).toEqual(['stays'])
  unwrap(await tab.append('diary', [note('new', topic)]))
  await expect.poll(view.get).toEqual(['stays', 'new'])
  await Promise.all([tab.close(), other.close()])

  const again = openNotes(key)
  expect(await again.view(texts, topic).ready).toEqual(['stays', 'new'])
  const left = await dataOf(again)
  expect(left.slice(0, 2)).toEqual([
    [1, null],
    [2, null],
  ])
  expect(left.slice(250)).toEqual([
    [251, { reason: 'asked for' }],
    [252, { text: 'new', topic: 'one' }],
  ])
  expect(await listErasures(again)).toMatchObject([
    { stream: 'diary', through: 251, reason: 'asked for', position: 252 },
  ])
  expect(await textOf(key)).not.toContain('secret-')
})

test('TS-13 an erasure whose worker ended before it was carried out is carried out at the next open', async () => {
  const key = newKey()
  const workers: Worker[] = []
  const worker = (): Worker => {
    const made = new Worker(new URL('../../worker/default.ts', import.meta.url), { type: 'module' })
    workers.push(made)
    return made
  }
  const tab = openNotes(key, { worker })
  unwrap(await tab.append('diary', [secret('one')]))
  const release = await holdErasing(key)
  const { receipt } = unwrap(await eraseStream(tab, 'diary'))
  workers[0]?.terminate()
  await tab.close().catch(() => {})
  for (const one of workers) one.terminate()
  expect(await textOf(key)).toContain('secret-one')
  release()
  const again = openNotes(key)
  await whenErased(again, receipt)
  expect(await textOf(key)).not.toContain('secret-')
  expect(await dataOf(again)).toEqual([
    [1, null],
    [2, {}],
  ])
})

test('TS-13 who waits for an erasure can stop, and who erases nothing is told', async () => {
  const key = newKey()
  const tab = openNotes(key)
  unwrap(await tab.append('diary', [secret('one')]))
  const release = await holdErasing(key)
  const { receipt } = unwrap(await eraseStream(tab, 'diary'))
  const stop = new AbortController()
  const waiting = whenErased(tab, receipt, { signal: stop.signal })
  stop.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'tidelog/aborted' })
  await expect(whenErased(tab, receipt, { signal: stop.signal })).rejects.toMatchObject({ code: 'tidelog/aborted' })
  await expect(whenErased(tab, { commitId: 'unknown' })).rejects.toMatchObject({ code: 'tidelog/argument' })
  release()
  await whenErased(tab, receipt)
  for (const misuse of [() => eraseStream(tab, ''), () => closeStream(tab, 'diary', { why: 'x' } as never)])
    await expect(misuse()).rejects.toMatchObject({ code: 'tidelog/argument' })
})

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const log of opened.splice(0)) await log.close()
})
const brief = defineLog({ name: 'notes', events, retentions: { 'sensor-*': { events: 5 } } })
function openBrief(options: OpenOptions) {
  const worker = () => new Worker(new URL('./workers/hasty.ts', import.meta.url), { type: 'module' })
  const log = openLog(brief, { worker, ...options })
  opened.push(log)
  return log
}

test('GR-8 of what is kept by count the rest is gone from the disk, and the log says so', async () => {
  const key = newKey()
  const log = openBrief({ key })
  const values = Array.from({ length: 12 }, (_, at) => at + 0.125)
  unwrap(await log.append(values.map((value) => events.Measured({ sensor: 'a', value }))))
  unwrap(await log.append('diary', [note('stays')]))
  const erasures = async () =>
    (await listErasures(log)).map(({ stream, reason, through }) => ({ stream, reason, through }))
  await expect.poll(erasures, { timeout: 10_000 }).toEqual([{ stream: 'sensor-*', reason: 'retention', through: 7 }])
  const [erasure] = await listErasures(log)
  await whenErased(log, erasure ?? { commitId: 'none' })
  const text = await textOf(key)
  expect(values.map((value) => text.includes(`:${value}`))).toEqual(values.map((_, at) => at >= 7))
  const { events: shown } = await log.read({ stream: 'sensor-a', unknown: 'yield' }).all()
  expect(shown.map((one) => [one.version, 'isErased' in one && one.isErased === true])).toEqual(
    values.map((_, at) => [at + 1, at < 7]),
  )
  const { events: left } = await openNotes(key)
    .read({ query: { types: ['Measured', 'NoteTaken'] } })
    .all()
  expect(left).toHaveLength(6)
})
