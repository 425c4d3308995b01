import { mustBe, mustKnow } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { isCount } from '../core/guard.ts'
import { mustBeStreamName } from '../core/queries.ts'
import { capture } from './capture.ts'
import { type Append, Drain, type DrainPorts } from './drain.ts'
import { KnownKinds } from './kinds.ts'
import { Ledger } from './ledger.ts'
import type { Recorder, RecorderOptions } from './types.ts'

const bufferMaxDefault = 2_048

export interface RecorderPorts extends Omit<DrainPorts, 'append'> {
  readonly append: (stream: string | undefined, ...args: Parameters<Append>) => ReturnType<Append>
  /** Calls back whenever the page may be about to end; the returned function ends it. */
  readonly onHidden: (callback: () => void) => () => void
}

/** A recorder over its ports. Throws for options that make no sense. */
export function createRecorderOver<M extends EventMap>(
  ports: RecorderPorts,
  options: RecorderOptions = {},
): Recorder<M> {
  const { bufferMax, overflow, stream, metadata } = checkOptions(options)
  const ledger = new Ledger(bufferMax)
  const kinds = new KnownKinds()
  const append: Append = (facts, given) => ports.append(stream, facts, { ...given, ...metadata })
  const drain = new Drain({ append, clock: ports.clock, random: ports.random }, kinds, ledger)
  const { backlog } = drain
  const stopListening = ports.onHidden(() => drain.hurry())
  let closing: Promise<void> | undefined

  const refuse = (): boolean => {
    ledger.add('refused', 1, backlog.size)
    return false
  }
  const makeRoom = (): boolean => {
    if (backlog.size < bufferMax) return true
    if (overflow === 'reject' || !backlog.dropOldest()) return false
    ledger.add('dropped', 1, backlog.size)
    return true
  }
  const record = (given: unknown): boolean => {
    if (closing !== undefined || drain.isLost) return refuse()
    const captured = capture(given)
    if (captured === undefined) return true
    const isFact = 'fact' in captured
    const reason = isFact ? kinds.mismatchIn([captured.fact]) : captured.reason
    if (reason !== undefined) ledger.reject(isFact ? captured.fact : given, reason, backlog.size)
    if (!isFact || reason !== undefined) return false
    if (!makeRoom()) return refuse()
    drain.take(captured.fact)
    ledger.note({ buffered: backlog.size })
    return true
  }
  const end = async (): Promise<void> => {
    try {
      await drain.emptied(true)
      ledger.end('closed')
    } finally {
      stopListening()
    }
  }
  return {
    record,
    flush: () => drain.emptied(false),
    close: () => {
      closing ??= end()
      return closing
    },
    status: { get: ledger.get, subscribe: ledger.subscribe },
  }
}

function checkOptions(options: RecorderOptions) {
  mustBe(typeof options === 'object' && options !== null, 'options', options)
  mustKnow(options, 'bufferMax overflow stream metadata')
  const { bufferMax = bufferMaxDefault, overflow = 'reject', stream, metadata } = options
  mustBe(isCount(bufferMax, 1), 'bufferMax', bufferMax)
  mustBe(overflow === 'reject' || overflow === 'drop-oldest', 'overflow', overflow)
  if (stream !== undefined) mustBeStreamName(stream)
  mustBe(metadata === undefined || (typeof metadata === 'object' && metadata !== null), 'metadata', metadata)
  for (const value of Object.values(metadata ?? {}))
    mustBe(value === undefined || typeof value === 'string', 'metadata', value)
  return { bufferMax, overflow, stream, metadata: metadata && { metadata: { ...metadata } } }
}
