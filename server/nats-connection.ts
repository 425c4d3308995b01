import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node'
import type { Clock } from '../src/core/ports.ts'
import type { NatsClient } from './nats-client.ts'
import { isPassing, isUnheard, NatsStoreError, toStoreError } from './nats-error.ts'

/** How long one request is waited for. */
const answerMsMax = 3_000
/** How long a call goes on asking while a leader is elected, or the connection is made again. */
export const callMsMax = 10_000
const retryMs = 100
/** A server that has no JetStream may stand beside others that have. */
const withoutJetStreamMsMax = 2_000

export interface Link {
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
  readonly client: JetStreamClient
}
export interface Connection {
  /** The connection, made when there is none. */
  readonly open: () => Promise<Link>
  /** Asks again while it may help, which only who may be heard twice can do. */
  readonly ask: <T>(work: (link: Link) => Promise<T>) => Promise<T>
  /** Says it once, unless nobody heard it. */
  readonly say: <T>(work: (link: Link) => Promise<T>) => Promise<T>
  readonly wait: (ms: number) => Promise<void>
  readonly close: () => Promise<void>
}
export interface ConnectionOptions {
  readonly source: { readonly servers: readonly string[] } | { readonly connection: NatsClient }
  readonly clock: Clock
  readonly onError: (error: unknown) => void
  /** What was said meanwhile was not heard. */
  readonly onReconnect: () => void
}

export function openConnection({ source, clock, onError, onReconnect }: ConnectionOptions): Connection {
  let opening: Promise<Link> | undefined
  let isClosed = false
  const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve))

  const make = async (): Promise<Link> => {
    const given = 'connection' in source ? (source.connection as NatsConnection) : undefined
    const connection = given ?? (await connect(optionsOf('servers' in source ? source.servers : [])))
    void heed(connection).catch(onError)
    const options = { timeout: answerMsMax, checkAPI: false }
    return { connection, manager: await jetstreamManager(connection, options), client: jetstream(connection, options) }
  }
  const heed = async (connection: NatsConnection): Promise<void> => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect')
        onError(new NatsStoreError('nats/unreachable', 'the connection to NATS is lost'))
      if (status.type === 'error') onError(toStoreError(status.error))
      if (status.type === 'reconnect') onReconnect()
    }
  }
  const open = async (): Promise<Link> => {
    if (isClosed) throw new NatsStoreError('nats/unreachable', 'the store is closed')
    opening ??= make().catch((error: unknown) => {
      // Tried again by the next call: the servers may only have been late.
      opening = undefined
      throw toStoreError(error)
    })
    const link = await opening
    // Its owner may have ended it; one of our own ends only for what a new one may do better, such as other credentials.
    if (link.connection.isClosed() && 'servers' in source) opening = undefined
    return link
  }
  const asking = async <T>(
    work: (link: Link) => Promise<T>,
    mayRepeat: (error: unknown, cause: unknown) => boolean,
  ): Promise<T> => {
    for (const start = clock.now(); ; ) {
      const link = await open()
      try {
        return await work(link)
      } catch (cause) {
        const error = toStoreError(cause)
        const hasJetStream = !isUnheard(cause) || link.connection.info?.jetstream === true
        const spent = clock.now() - start
        if (!hasJetStream && spent > withoutJetStreamMsMax)
          throw new NatsStoreError('nats/refused', 'NATS refuses: JetStream is not enabled', { cause })
        if (!mayRepeat(error, cause) || spent > callMsMax || link.connection.isClosed()) throw error
      }
      await wait(retryMs)
    }
  }
  return {
    open,
    wait,
    ask: (work) => asking(work, isPassing),
    say: (work) => asking(work, (_, cause) => isUnheard(cause)),
    async close() {
      isClosed = true
      const link = await opening?.catch(() => undefined)
      if ('servers' in source) await link?.connection.close()
    },
  }
}

function optionsOf(servers: readonly string[]): NodeConnectionOptions {
  const urls = servers.map((server) => new URL(server.includes('://') ? server : `nats://${server}`))
  const { username = '', password = '' } = urls.find(({ username }) => username !== '') ?? {}
  const named = { user: decodeURIComponent(username), pass: decodeURIComponent(password) }
  const credentials = password === '' ? (username === '' ? {} : { token: named.user }) : named
  return {
    ...credentials,
    servers: urls.map(({ host }) => host),
    ...(urls.some(({ protocol }) => protocol === 'tls:') ? { tls: {} } : {}),
    name: 'tidelog',
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    timeout: answerMsMax,
    // A server that fell silent is given up, and another one asked.
    pingInterval: 5_000,
    maxPingOut: 2,
  }
}
