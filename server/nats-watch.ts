import type { Subscription } from '@nats-io/transport-node'
import type { Clock } from '../src/core/ports.ts'
import type { LogPlace } from './nats-client.ts'
import type { Streams } from './nats-streams.ts'
import { createHeads, type Heads, noticeKey } from './watch-heads.ts'

export interface NatsWatch {
  readonly watch: (log: string, listener: (head: number) => void) => () => void
  /** Tells who watches here, and all other processes, where a log ends now. */
  readonly tell: (log: string, place: LogPlace, head: number) => void
  /** What was told meanwhile was not heard. */
  readonly look: () => Promise<void>
  readonly close: () => void
}
export interface NatsWatchOptions {
  readonly streams: Streams
  readonly headOf: (log: string) => Promise<number>
  readonly pollMs: number
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** Logs that are asked at once where they end. */
const asksMax = 16

/** Notices are core messages, which are lost now and then: what none told of is found by a look at the streams. */
export function createNatsWatch(options: NatsWatchOptions): NatsWatch {
  const { streams, pollMs, clock, onError } = options
  const heads = createHeads((isWatched) => (isWatched ? poll() : callOff()))
  const subscriptions = createSubscriptions(streams, {
    hear: heads.hear,
    // What was written before it was heard.
    joined: async (log) => heads.hear(noticeKey(log), await options.headOf(log)),
    onError,
  })
  const looks = createLooks(options, heads)
  let callOffPoll: (() => void) | undefined
  let isClosed = false

  const poll = (): void => {
    if (isClosed) return
    callOffPoll = clock.after(pollMs, () => {
      poll()
      void looks.look()
    })
  }
  const callOff = (): void => {
    callOffPoll?.()
    callOffPoll = undefined
  }
  return {
    async look() {
      if (isClosed) return
      looks.forget()
      heads.forget()
      await looks.look()
    },
    watch(log, listener) {
      const stop = heads.watch(log, listener)
      // One that was not watched may have grown since its stream was looked at.
      looks.forget()
      const leave = subscriptions.join(log)
      let isWatching = true
      return () => {
        if (!isWatching) return
        isWatching = false
        leave()
        stop()
      }
    },
    tell(log, { notices }, head) {
      heads.hear(noticeKey(log), head)
      void streams.connection
        .open()
        .then(({ connection }) => connection.publish(notices, String(head)))
        .catch(onError)
    },
    close() {
      isClosed = true
      callOff()
      subscriptions.close()
    },
  }
}

interface Looks {
  /** Asks where the watched logs end of which the streams have grown. */
  readonly look: () => Promise<void>
  /** Forgets how the streams ended. */
  readonly forget: () => void
}

function createLooks({ streams, headOf, onError }: NatsWatchOptions, heads: Heads): Looks {
  let looking: Promise<void> | undefined
  /** Where the streams ended when their logs were asked last. */
  let ends = new Map<string, number>()
  const lookAt = async (stream: string, logs: readonly string[]): Promise<void> => {
    const known = ends
    const end = await streams.lastSequence(stream)
    if (known.get(stream) === end) return
    const waiting = [...logs]
    const ask = async (): Promise<void> => {
      for (let log = waiting.pop(); log !== undefined; log = waiting.pop()) {
        const told = heads.told().get(noticeKey(log))
        heads.correct(noticeKey(log), await headOf(log), told)
      }
    }
    await Promise.all(Array.from({ length: asksMax }, ask))
    known.set(stream, end)
  }
  const lookAtAll = async (): Promise<void> => {
    const byStream = new Map<string, string[]>()
    for (const log of heads.logs()) {
      const { stream } = await streams.placeOf(log)
      const logs = byStream.get(stream) ?? []
      byStream.set(stream, logs)
      logs.push(log)
    }
    for (const [stream, logs] of byStream) await lookAt(stream, logs)
  }
  return {
    async look() {
      looking ??= lookAtAll()
        .catch(onError)
        .finally(() => {
          looking = undefined
        })
      await looking
    },
    forget: () => {
      ends = new Map()
    },
  }
}

interface Subscriptions {
  /** Hears the notices of a log until it is left. */
  readonly join: (log: string) => () => void
  readonly close: () => void
}

function createSubscriptions(
  { placeOf, connection }: Streams,
  on: {
    readonly hear: (key: string, head: number) => void
    /** Whatever is told from now on is heard. */
    readonly joined: (log: string) => Promise<void>
    readonly onError: (error: unknown) => void
  },
): Subscriptions {
  interface Joined {
    count: number
    subscription?: Subscription
  }
  const byLog = new Map<string, Joined>()
  const subscribe = async (log: string, joined: Joined): Promise<void> => {
    const { notices } = await placeOf(log)
    const { connection: client } = await connection.open()
    if (byLog.get(log) !== joined) return
    const key = noticeKey(log)
    joined.subscription = client.subscribe(notices, {
      callback: (error, message) => {
        if (error !== null) on.onError(error)
        else on.hear(key, Number(message.string()))
      },
    })
    await client.flush()
    await on.joined(log)
  }
  return {
    join(log) {
      const joined = byLog.get(log) ?? { count: 0 }
      if (joined.count++ === 0) {
        byLog.set(log, joined)
        void subscribe(log, joined).catch(on.onError)
      }
      return () => {
        if (--joined.count > 0) return
        byLog.delete(log)
        joined.subscription?.unsubscribe()
      }
    },
    close() {
      for (const { subscription } of byLog.values()) subscription?.unsubscribe()
      byLog.clear()
    },
  }
}
