import { StoreError, type StoreFailure } from './store-error.ts'

/** Codes of {@link NatsStoreError}; messages may change, these do not. */
export type NatsStoreErrorCode =
  /** No connection, no leader, no majority, or no answer in time: what was asked may have been done. */
  | 'nats/unreachable'
  /** The servers will not serve us: wrong credentials, missing rights, no JetStream, a stream that is not there. */
  | 'nats/refused'
  /** A stream, an account or a disk has no room; nothing was stored. */
  | 'nats/full'
  /** So many others write to the same stream that this one did not get its turn; nothing was stored. */
  | 'nats/busy'
  /** A newer version of tidelog made the streams. */
  | 'nats/format'

const failureOf: Readonly<Record<NatsStoreErrorCode, StoreFailure>> = {
  'nats/unreachable': 'unavailable',
  'nats/busy': 'unavailable',
  'nats/full': 'full',
  'nats/refused': 'refused',
  'nats/format': 'newer-format',
}

/** Why the streams of a {@link natsStore} can't be used. */
export class NatsStoreError extends StoreError<NatsStoreErrorCode> {
  constructor(code: NatsStoreErrorCode, message: string, options?: ErrorOptions) {
    super(code, failureOf[code], message, options)
    this.name = 'NatsStoreError'
  }
}

/** What JetStream says by number. */
export const apiCodes = {
  noMessage: 10037,
  streamMissing: 10059,
  streamKnown: 10058,
  wrongSequence: 10071,
} as const

const full = [10002, 10023, 10028, 10047, 10054, 10077]

/** The number of an error of JetStream's; of any other error nothing. */
export const apiCodeOf = (error: unknown): number | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined

const statusOf = (error: Error): number =>
  'status' in error && typeof error.status === 'number' ? error.status : apiCodeOf(error) === 503 ? 503 : 0

/** Nobody heard the request, so that it was not carried out. While a leader is elected there is nobody to hear it. */
export const isUnheard = (error: unknown): boolean =>
  error instanceof Error &&
  (['JetStreamNotEnabled', 'NoResponders'].includes(error.name) || nameOf(error.cause) === 'NoResponders')

const losses = [
  'TimeoutError',
  'RequestError',
  'NoResponders',
  'JetStreamNotEnabled',
  'ClosedConnectionError',
  'DrainingConnectionError',
  'ConnectionError',
  'ProtocolError',
]
const refusals = ['AuthorizationError', 'UserAuthenticationExpiredError', 'PermissionViolationError']

/** The error as a user of the store gets it; what JetStream says beyond that stays as it is. */
export function toStoreError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof NatsStoreError) return error
  const code = apiCodeOf(error)
  if (code === apiCodes.wrongSequence) return error
  const said = saidBy(error)
  if (refusals.includes(error.name) || refusals.includes(nameOf(error.cause)))
    return new NatsStoreError('nats/refused', `NATS refuses: ${said}`, { cause: error })
  if (code !== undefined && full.includes(code))
    return new NatsStoreError('nats/full', `JetStream has no room: ${said}`, { cause: error })
  // A number of its own for each thing that it will not do; 503 is a system that is not ready.
  if (code !== undefined && code >= 10_000 && statusOf(error) !== 503)
    return new NatsStoreError('nats/refused', `JetStream refuses: ${said}`, { cause: error })
  // Those of Node have text for a number.
  const isOfNode = 'code' in error && typeof error.code === 'string'
  if (code === undefined && !losses.includes(error.name) && !isOfNode) return error
  return new NatsStoreError('nats/unreachable', `NATS can't be reached: ${said}`, { cause: error })
}

/** Whether the same may go well a moment later. */
export const isPassing = (error: unknown): boolean =>
  error instanceof NatsStoreError && error.code === 'nats/unreachable'

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '')

function saidBy(error: Error): string {
  if (error.name === 'JetStreamNotEnabled') return 'no JetStream answers'
  return error.message === '' ? error.name : error.message
}
