import { randomBytes } from 'node:crypto'
import type { Clock } from '../src/core/ports.ts'
import type { LogPlace } from './nats-client.ts'
import type { Connection } from './nats-connection.ts'

/**
 * Whoever lost has to look how its log ends before it writes again; another process that writes on meanwhile would win each time.
 * So a loser asks the others to let it go first. Only a courtesy: a request that is lost, or wrong, costs time and nothing else.
 */
export interface Courtesy {
  /** Asks all other processes to wait so long before they write to the stream. */
  readonly ask: (place: LogPlace, ms: number) => void
  /** Resolves when nobody has asked to go first. */
  readonly wait: (place: LogPlace) => Promise<void>
  readonly close: () => void
}

/** Nobody is waited for longer. */
const waitMsMax = 500

export function createCourtesy(connection: Connection, clock: Clock, onError: (error: unknown) => void): Courtesy {
  const own = randomBytes(9).toString('base64url')
  const until = new Map<string, number>()
  const subscribed = new Map<string, () => void>()
  let isClosed = false
  const subscribe = async (turns: string): Promise<void> => {
    const { connection: client } = await connection.open()
    if (isClosed) return
    const subscription = client.subscribe(turns, {
      callback: (error, message) => {
        if (error !== null) return onError(error)
        const [who, asked] = message.string().split(' ')
        const ms = Math.min(Number(asked), waitMsMax)
        if (who !== own && ms > 0) until.set(turns, Math.max(until.get(turns) ?? 0, clock.now() + ms))
      },
    })
    subscribed.set(turns, () => subscription.unsubscribe())
  }
  return {
    ask({ turns }, ms) {
      void connection
        .open()
        .then(({ connection: client }) => client.publish(turns, `${own} ${Math.ceil(ms)}`))
        .catch(onError)
    },
    async wait({ turns }) {
      if (!subscribed.has(turns)) {
        subscribed.set(turns, () => {})
        void subscribe(turns).catch((error: unknown) => {
          subscribed.delete(turns)
          onError(error)
        })
      }
      const end = clock.now() + waitMsMax
      const left = (): number => Math.min(until.get(turns) ?? 0, end) - clock.now()
      // Looked at again: whoever lost once more meanwhile has asked for longer.
      for (let ms = left(); ms > 0; ms = left()) await connection.wait(ms)
    },
    close() {
      isClosed = true
      for (const stop of subscribed.values()) stop()
    },
  }
}
