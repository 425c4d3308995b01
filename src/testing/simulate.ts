import { createSyncHandler } from '../../server/handler.ts'
import { memoryStore } from '../../server/memory-store.ts'
import type { Log } from '../client/types.ts'
import type { AnyDecider } from '../core/decider.ts'
import type { EventMap } from '../core/event.ts'
import type { Model } from '../core/model.ts'
import type { Clock, Fetch, Locks, Random } from '../core/ports.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory-store.ts'
import { MemoryChannels } from './memory-channels.ts'
import { MemoryLocks } from './memory-locks.ts'
import { openMemoryTab } from './memory-tab.ts'
import { Line } from './network.ts'
import { seededRandom } from './seeded-random.ts'
import { runUntil, turn } from './turns.ts'
import { VirtualClock } from './virtual-clock.ts'

const url = 'http://server.test/sync'
/** Time that a world is given to become quiet. */
const settleMsMax = 60 * 60_000
/** Notices have come by then. */
const noticeMsMax = 20

export interface SimulateOptions<N extends number = number> {
  /** How many; 2 by default. */
  readonly devices?: N
  readonly seed?: number
  /** Stands between the devices and the server: may change, lose or repeat what passes. `next` is the server. */
  readonly serve?: (request: Request, next: Fetch) => Promise<Response>
  /** The database that a device begins with, by its number from 0; by default an empty one. */
  readonly database?: (device: number) => MemoryDatabase | undefined
  /** The locks of one device; by default as in one browser. */
  readonly locks?: (clock: Clock) => Locks
}

/** One browser in a simulated world: a database, and tabs that share it. */
export interface Device<M extends EventMap, Ds extends AnyDecider = AnyDecider> {
  /** The log in the device's first tab. Once that is closed, open another one. */
  readonly log: Log<M, Ds>
  /** Another tab of the same browser. */
  openTab(): Log<M, Ds>
  /** Cuts the line to the server, and what is under way on it. */
  offline(): void
  online(): void
  /** Loses the notices between tabs for which this answers true. */
  loseNotices(isLost: (message: unknown) => boolean): void
}

/** A list of known length, so that `const [ann, bob] = world.devices` needs no check. */
type Tuple<T, N extends number, A extends readonly T[] = []> = number extends N
  ? readonly T[]
  : A['length'] extends N
    ? A
    : Tuple<T, N, readonly [...A, T]>

/** Devices, a server, and the time between them, all in memory. */
export interface World<M extends EventMap, N extends number = number, Ds extends AnyDecider = AnyDecider> {
  readonly devices: Tuple<Device<M, Ds>, N>
  readonly clock: VirtualClock
  /** Lets time pass until every device that is online has everything confirmed. Rejects when that does not come. */
  settle(): Promise<void>
  close(): Promise<void>
}

/** A world of several devices and one server that runs the real client and server code on a simulated clock and network. */
export function simulate<M extends EventMap, Ds extends readonly AnyDecider[], const N extends number = 2>(
  model: Model<M, Ds>,
  options: SimulateOptions<N> = {},
): World<M, N, Ds[number]> {
  const clock = new VirtualClock()
  const random = seededRandom(options.seed ?? 1)
  const server = createSyncHandler({ model, store: memoryStore(), clock })
  const { serve = (request, next) => next(request), locks = () => new MemoryLocks(clock) } = options
  const devices = Array.from({ length: options.devices ?? 2 }, (_, nth) => {
    const database = options.database?.(nth) ?? createMemoryDatabase(random.newId())
    return new SimulatedDevice(model, { clock, random, locks: locks(clock), database }, (request) =>
      serve(request, server),
    )
  })
  return {
    devices: devices as readonly Device<M, Ds[number]>[] as Tuple<Device<M, Ds[number]>, N>,
    clock,
    settle: () => settle(clock, devices),
    close: async () => {
      server.stop()
      await runUntil(
        clock,
        Promise.all(devices.map((device) => device.close())).then(() => true),
      )
    },
  }
}

interface DeviceParts {
  readonly clock: VirtualClock
  readonly random: Random
  readonly locks: Locks
  readonly database: MemoryDatabase
}

class SimulatedDevice<M extends EventMap, Ds extends readonly AnyDecider[]> implements Device<M, Ds[number]> {
  readonly log: Log<M, Ds[number]>
  readonly #model: Model<M, Ds>
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #locks: Locks
  readonly #channels = new MemoryChannels()
  readonly #line: Line
  readonly #database: MemoryDatabase
  readonly #tabs: Log<M, Ds[number]>[] = []

  constructor(model: Model<M, Ds>, parts: DeviceParts, serve: Fetch) {
    this.#model = model
    this.#clock = parts.clock
    this.#random = parts.random
    this.#locks = parts.locks
    this.#database = parts.database
    this.#line = new Line(serve)
    this.log = this.openTab()
  }

  /** A tab that is open; none when the browser was closed. */
  get tab(): Log<M, Ds[number]> | undefined {
    return this.#tabs.find((tab) => tab.storage.get().state !== 'closed')
  }

  get isOnline(): boolean {
    return this.#line.isUp && this.tab !== undefined
  }

  openTab(): Log<M, Ds[number]> {
    const log = openMemoryTab(
      this.#model,
      {
        clock: this.#clock,
        random: this.#random,
        locks: this.#locks,
        database: this.#database,
        openChannel: this.#channels.open,
      },
      { fetch: this.#line.fetch, urlOf: (name) => `${url}/${encodeURIComponent(name)}` },
    )
    this.#tabs.push(log)
    return log
  }

  offline(): void {
    this.#line.cut()
  }

  online(): void {
    this.#line.mend()
    this.tab?.sync.now()
  }

  loseNotices(isLost: (message: unknown) => boolean): void {
    this.#channels.isLost = isLost
  }

  async close(): Promise<void> {
    await Promise.all(this.#tabs.map((tab) => tab.close()))
  }
}

async function settle<M extends EventMap, Ds extends readonly AnyDecider[]>(
  clock: VirtualClock,
  devices: readonly SimulatedDevice<M, Ds>[],
): Promise<void> {
  const isQuiet = async (): Promise<boolean> => {
    const tabs = devices.flatMap((device) => (device.isOnline ? (device.tab ?? []) : []))
    const heads = await Promise.all(tabs.map((tab) => tab.logHead()))
    const head = Math.max(0, ...heads.map(({ confirmed }) => confirmed))
    return heads.every(({ confirmed, pending }) => pending === 0 && confirmed === head)
  }
  const started = clock.now()
  while (!(await runUntil(clock, isQuiet()))) {
    if (clock.now() - started > settleMsMax) throw new Error('the world did not become quiet within an hour')
    clock.step()
    await turn()
  }
  // A page hears of the last writes of a burst a moment later.
  await runUntil(clock, new Promise<boolean>((resolve) => clock.after(noticeMsMax, () => resolve(true))))
}
