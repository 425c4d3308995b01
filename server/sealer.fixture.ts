import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect } from 'vitest'
import { createServer } from './handler.fixture.ts'
import type { SyncHandler } from './handler.ts'
import { type Sketch, toSequenced } from './judge.fixture.ts'
import type { ManualClock } from './live.fixture.ts'
import { memoryStore } from './memory-store.ts'
import type { SyncHandlerOptions } from './options.ts'
import { listOf, sealedParts, small, type Told, toldStore } from './segments.fixture.ts'
import { sqliteStore } from './sqlite-store.ts'
import type { LogStore } from './store.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

export interface ToldServer extends Told {
  readonly handler: SyncHandler
  readonly errors: readonly unknown[]
}

/** A server of small segments whose store tells what is sealed. */
export function toldServer(
  inner: LogStore = memoryStore(),
  options: Partial<SyncHandlerOptions<never>> = {},
): ToldServer {
  const told = toldStore(inner)
  const server = createServer({ limits: small, ...options, store: told.store })
  ends.push(server.handler.stop)
  return { ...told, ...server }
}

/** Opens one new file, as often as it is called. */
export function inFile(): () => LogStore {
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-seal-'))
  ends.push(() => rmSync(folder, { recursive: true }))
  return () => {
    const store = sqliteStore(join(folder, 'log.db'))
    ends.push(() => store.close())
    return store
  }
}

/** Puts commits into a store as another process would. */
export async function fill(store: LogStore, sketches: readonly Sketch[], log = 'cart'): Promise<void> {
  const head = await store.head(log)
  await store.append(log, head.position, toSequenced(sketches, head))
}

export const endsOf = async (handler: SyncHandler, log = 'cart'): Promise<readonly number[]> =>
  (await listOf(handler, log)).map(({ last }) => last)

/** Every sealed event has the version that a count from the log's first event gives it. */
export async function expectVersions(handler: SyncHandler): Promise<void> {
  const events = (await sealedParts(handler)).flat()
  const counts = new Map<string, number>()
  for (const { placed } of [...events].sort((a, b) => a.placed.position - b.placed.position)) {
    const version = (counts.get(placed.stream) ?? 0) + 1
    counts.set(placed.stream, version)
    expect([placed.position, placed.version]).toEqual([placed.position, version])
  }
  expect(events).toHaveLength((await endsOf(handler)).at(-1) ?? 0)
}

/** Lets timers and I/O of this process go on. */
export const turnOfLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** Lets a server go on that pauses by this clock. */
export async function advanceUntil(clock: ManualClock, isReached: () => boolean): Promise<void> {
  while (!isReached()) {
    clock.advance(0)
    await turnOfLoop()
  }
}
