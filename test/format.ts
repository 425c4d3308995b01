// How the files of a storage and wire format are made and compared. They are written once and never change:
//   TIDELOG_WRITE_FIXTURES=1 npx vitest run --project unit test/format.test.ts
// makes those that are missing; a file that is there is never written over.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { VirtualClock } from 'tidelog/testing'
import { createMemoryDatabase, type MemoryDatabase, openMemoryStore } from '../src/store/memory-store.ts'
import type { Rows, Store, StoreName, Request as StoreRequest } from '../src/store/store.ts'
import { shop } from './types/shop.ts'

/** Reads a file of the format; makes it first when it is not there and that was asked for. */
export async function readFixture<T>(path: string, make: () => Promise<T>): Promise<T> {
  if (!existsSync(path) && process.env.TIDELOG_WRITE_FIXTURES === '1') {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `${JSON.stringify(await make(), undefined, 2)}\n`)
  }
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** Every row of the four stores, in key order. */
export type Dump = { readonly [N in StoreName]: readonly Rows[N][] }

export async function dumpOf(store: Store): Promise<Dump> {
  const [writes, log, dir, state] = await store.run([
    { op: 'range', store: 'writes' },
    { op: 'range', store: 'log' },
    { op: 'range', store: 'dir' },
    { op: 'range', store: 'state' },
  ])
  return { writes, log, dir, state }
}

const identityOf = (dump: Dump): string => String(dump.state.find(({ chain }) => chain === 'database')?.id)

/** Puts the rows of a dump into an empty store. */
export async function fill(store: Store, dump: Dump): Promise<void> {
  const requests: StoreRequest[] = [
    ...dump.writes.map((row) => ({ op: 'put', store: 'writes', row }) as const),
    ...dump.log.map((row) => ({ op: 'put', store: 'log', row }) as const),
    ...dump.state.map((row) => ({ op: 'put', store: 'state', row }) as const),
  ]
  await store.run(requests, { write: true })
}

export async function databaseOf(dump: Dump): Promise<MemoryDatabase> {
  const database = createMemoryDatabase(identityOf(dump))
  await fill(openMemoryStore(database), dump)
  return database
}

/** JSON text inside is opened and keys are sorted: which order they were written in says nothing. */
function opened(value: unknown): unknown {
  if (typeof value === 'string' && /^[[{]/.test(value)) return opened(JSON.parse(value))
  if (Array.isArray(value)) return value.map(opened)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, opened(member)]),
  )
}

/** The same text for the same history whatever its ids, digests and times: each by the order in which it first appears. */
export function canonical(value: unknown): string {
  const names = new Map<string, string>()
  const pattern = /[0-9a-f]{8}(?:-[0-9a-f]{8}){2}|(?<=")[0-9a-f]{16}(?=")|\d{4}-\d\d-\d\dT[\d:.]+Z/g
  return JSON.stringify(opened(value)).replace(pattern, (name) => {
    const given = names.get(name) ?? `#${names.size}`
    names.set(name, given)
    return given
  })
}

export interface WireExchange {
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string
  }
  readonly answer: {
    readonly status: number
    readonly contentType: string | null
    readonly protocol: string | null
    readonly body: string
  }
}

/** A server of today with a still clock. */
export const serverOfToday = () =>
  createSyncHandler({
    model: shop,
    store: memoryStore(),
    clock: new VirtualClock(),
    onError: (error) => {
      throw error
    },
  })

/** Asks a server as a device of the format asks; of a live stream the first frames, as many as there are to be had. */
export async function ask(
  server: ReturnType<typeof serverOfToday>,
  { method, path, headers, body }: WireExchange['request'],
  frames = 0,
): Promise<WireExchange['answer']> {
  const init = { method, headers, ...(body === undefined ? {} : { body }) }
  const response = await server(new Request(`http://server.test${path}`, init))
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  return {
    status: response.status,
    contentType: response.headers.get('content-type'),
    protocol: response.headers.get('tidelog-protocol'),
    body: isStream ? await firstFrames(response, frames) : await response.text(),
  }
}

async function firstFrames(response: Response, count: number): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (reader !== undefined && text.split('\n\n').length <= count) {
    const { done, value } = await reader.read()
    if (done) break
    text += value
  }
  await reader?.cancel()
  return text
}
