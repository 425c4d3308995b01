// Logs over memory and SQLite, closed behind each test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LogStore, memoryStore } from 'tidelog/server'
import { afterAll, afterEach, beforeEach, vi } from 'vitest'
import { systemClock } from '../options.ts'
import { sqliteStore } from '../sqlite.ts'
import type { KeptLogParts } from './kept-log.ts'

export type StoreKind = 'memory' | 'sqlite'
export const storeKinds: readonly StoreKind[] = ['memory', 'sqlite']

export interface Stage {
  readonly store: () => LogStore
  /** Closed, newest first, before the store. */
  readonly closing: (() => Promise<unknown>)[]
}

/** A store for each test of the suite that calls this. */
export function stage(kind: StoreKind): Stage {
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-server-log-'))
  const closing: (() => Promise<unknown>)[] = []
  let store: LogStore
  let nth = 0
  beforeEach(() => {
    store = kind === 'memory' ? memoryStore() : sqliteStore(join(folder, `${nth++}.db`))
    closing.push(store.close)
  })
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return { store: () => store, closing }
}

let ids = 0
/** For a log of what is kept, to look at it beside those that work with it. */
export const keptParts: Omit<KeptLogParts, 'store'> = {
  log: 'office',
  clock: systemClock,
  random: { newId: () => `kept${ids++}`, fraction: () => 0.5 },
  mustHold: async () => {},
  onKept: () => {},
}

/** Waits until something holds, on a slow machine, too. */
export const waitFor = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, 14_000)
