import { createBreather } from '../src/core/breather.ts'
import type { EventMap } from '../src/core/event.ts'
import { erasedType } from '../src/core/lifecycle.ts'
import type { Clock } from '../src/core/ports.ts'
import { quietly } from './context.ts'
import { withCors } from './cors.ts'
import { createGate } from './edge-gate.ts'
import { durableObjectStore, logsOf, type ObjectStorage } from './edge-store.ts'
import { eraseIn, scan } from './erase.ts'
import { type Client, createSyncHandler } from './handler.ts'
import { type SyncHandlerOptions, type SyncLimits, systemClock } from './options.ts'
import { problemResponse, RequestProblem } from './problems.ts'
import type { LogStore } from './store.ts'

/** What an object uses of its storage (`ctx.storage`). */
export interface LogObjectStorage extends ObjectStorage {
  setAlarm(time: number): Promise<void>
}

/** What the class of an object hands its calls on to. */
export interface LogObject {
  readonly fetch: (request: Request, client?: Client) => Promise<Response>
  /** Carries out the erasures that are left, such as when the object was ended in the middle of one. */
  readonly alarm: () => Promise<void>
}

/** Defaults of an object where they differ from `defaultLimits`: objects of one class may share 128 MB. */
export const edgeLimits: Pick<
  SyncLimits,
  'waitingMax' | 'lagBytesMax' | 'liveStreamsMax' | 'requestsBurst' | 'segmentTextMax' | 'pageBytesMax'
> = {
  waitingMax: 200,
  lagBytesMax: 16_000_000,
  liveStreamsMax: 1_000,
  requestsBurst: 300,
  segmentTextMax: 6_000_000,
  pageBytesMax: 500_000,
}

/** Bodies above this are read a few at once: each is held several times until its commits are stored. */
const smallBytesMax = 64_000
const largeAtOnce = 4
/** How long after an erasure was appended it is looked whether it was carried out. */
const alarmMs = 10_000
/** An alarm lets requests go first after so long. */
const breathMs = 8

/** Makes what an object needs to be a log's sequencer: `createSyncHandler` over its storage, and the alarm that erases. */
export function createLogObject<M extends EventMap>(
  storage: LogObjectStorage,
  options: Omit<SyncHandlerOptions<M>, 'store'>,
): LogObject {
  const { clock = systemClock } = options
  const onError = quietly(options.onError ?? ((error) => console.error(error)))
  const inner = durableObjectStore(storage)
  const setAlarm = async (): Promise<void> => {
    try {
      await storage.setAlarm(Date.now() + alarmMs)
    } catch (error) {
      // The class has no `alarm`: the erasure begins at once all the same.
      onError(error)
    }
  }
  const store: LogStore = {
    ...inner,
    async append(log, expectedHead, commits) {
      // Before the commit: in between the object may end, and an alarm too many costs nothing.
      if (commits.some(({ text }) => text.includes(erasedType))) await setAlarm()
      return inner.append(log, expectedHead, commits)
    },
  }
  const limits = { ...edgeLimits, ...options.limits }
  const handler = createSyncHandler<M>({ ...options, store, limits })
  const gate = createGate(largeAtOnce, limits.waitingMax)
  return {
    async fetch(request, client) {
      if (isSmall(request)) return handler(request, client)
      try {
        return await gate(() => handler(request, client))
      } catch (error) {
        // The handler never throws: it is the gate that refuses.
        if (!(error instanceof RequestProblem)) throw error
        return withCors(request, problemResponse(error), options.cors?.origins)
      }
    },
    async alarm() {
      for (const log of logsOf(storage)) await eraseDue(inner, log, clock)
    },
  }
}

/** A body of unknown length may be of any, and so may one that is packed. */
const isSmall = ({ method, headers }: Request): boolean =>
  method !== 'POST' ||
  (!headers.has('content-encoding') && Number(headers.get('content-length') ?? Infinity) <= smallBytesMax)

async function eraseDue(store: LogStore, log: string, clock: Clock): Promise<void> {
  const { erasures } = store
  if (erasures === undefined) return
  const breathe = createBreather(clock, breathMs)
  const pause = async (): Promise<void> => breathe()
  const due = await scan(store, log, await erasures.through(log), pause)
  if (due.erasures.length > 0) await eraseIn({ store, erasures, pause }, log, due)
}
