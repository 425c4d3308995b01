import type { Log } from '../client/types.ts'
import type { AnyDecider } from '../core/decider.ts'
import { mustBe, mustKnow } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import type { Model } from '../core/model.ts'
import type { Clock } from '../core/ports.ts'
import { browserClock } from '../platform/browser.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory-store.ts'
import { MemoryChannels } from './memory-channels.ts'
import { MemoryLocks } from './memory-locks.ts'
import { type MemoryBrowser, openMemoryTab } from './memory-tab.ts'
import { seededRandom } from './seeded-random.ts'
import { runUntil } from './turns.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Options of {@link memoryLog}. */
export interface MemoryLogOptions {
  /** By default the real one. A {@link VirtualClock} stands still until it is moved. */
  readonly clock?: Clock
  /** What the log opens, and what is in it the next time; by default an empty one. Two logs of one database are two tabs. */
  readonly database?: MemoryDatabase
}

const browsers = new WeakMap<MemoryDatabase, MemoryBrowser>()

/**
 * A log in this program, for tests: the engine, the worker's code and the page's code are those of a browser, without a
 * Worker and without IndexedDB. It syncs nowhere, so what is appended is confirmed at once. Ids are the same in every run.
 * Close it when the test is over.
 */
export function memoryLog<M extends EventMap, Ds extends readonly AnyDecider[]>(
  model: Model<M, Ds>,
  options: MemoryLogOptions = {},
): Log<M, Ds[number]> {
  mustKnow(options, 'clock database')
  const { database = createMemoryDatabase('memory') } = options
  const known = browsers.get(database)
  const clock = options.clock ?? known?.clock ?? browserClock
  mustBe(known === undefined || known.clock === clock, 'a clock', 'another one than that of the database')
  const browser = known ?? {
    clock,
    random: seededRandom(1),
    hostRandom: seededRandom(2),
    locks: new MemoryLocks(clock),
    database,
    openChannel: new MemoryChannels().open,
  }
  browsers.set(database, browser)
  const log = openMemoryTab(model, browser)
  // What a close waits for may be waiting for the time.
  const close = (): Promise<void> => (clock instanceof VirtualClock ? runUntil(clock, log.close()) : log.close())
  return { ...log, close }
}
