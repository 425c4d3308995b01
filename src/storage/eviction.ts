import { type AnyLog, insideOf } from '../client/inside.ts'
import { mustKnow } from '../core/errors.ts'
import type { Observable } from '../core/observable.ts'
import { timeNow } from '../core/time.ts'
import type { StorageStatus } from '../protocol/worker.ts'

/** What a log held that the browser has taken away. */
export interface Eviction {
  /** Confirmed events; where the log syncs, the server has them. */
  readonly confirmed: number
  /** Commits that were not confirmed when this was noted last: they may be gone for good. */
  readonly pending: number
  /** ISO 8601, when this was noted last. */
  readonly time: string
}
export interface EvictionOptions {
  /** Where it is remembered what this device held: `localStorage` by default, which most evictions leave alone. */
  readonly memory?: Pick<Storage, 'getItem' | 'setItem'>
}
/** What is remembered. */
interface Seen extends Eviction {
  readonly identity: string
  /** Told until it is forgotten. */
  readonly evicted?: Eviction | undefined
}
type WatchedLog = AnyLog & { readonly storage: Observable<StorageStatus> }

/** A log that moves fast is noted no more often. */
const noteMs = 1_000

/**
 * Tells whether the browser has taken the storage of this log away since it was open last, each time until
 * {@link forgetEviction}; and notes from now on what the log holds, until it is closed. Call it after `openLog`. Rejects
 * as any call of a log that can't be opened.
 */
export async function detectEviction(log: WatchedLog, options: EvictionOptions = {}): Promise<Eviction | undefined> {
  mustKnow(options, 'memory')
  const memory = open(log, options)
  const { call, feed, ports } = insideOf(log)
  const { head, pending } = await call((api) => api.heads([]))
  // A log in memory says nothing about what is on the disk.
  if (!log.storage.get().durable) return undefined
  const seen = memory.read()
  const evicted = seen && (seen.identity === head.database ? seen.evicted : together(seen))
  const identity = head.database
  const note = (confirmed: number, pending: number, evicted = memory.read()?.evicted): void =>
    memory.write({ identity, confirmed, pending, time: timeNow(ports.clock), evicted })
  note(head.confirmed, pending, evicted)
  let isDue = false
  const stop = feed.onMoved(() => {
    if (isDue || !log.storage.get().durable) return
    isDue = true
    ports.clock.after(noteMs, () => {
      isDue = false
      // What is lost by now is what was noted before.
      if (log.storage.get().durable && memory.read()) note(feed.confirmed, feed.pending)
    })
  })
  const forget = log.storage.subscribe(() => {
    const { state } = log.storage.get()
    // Somebody meant it: the log goes on in another database, or its user has left.
    if (state === 'moved' || state === 'signed-out') memory.write(undefined)
    else if (state !== 'closed') return
    stop()
    forget()
  })
  return evicted
}

/** Forgets the eviction that {@link detectEviction} tells of: its user knows. */
export function forgetEviction(log: WatchedLog, options: EvictionOptions = {}): void {
  mustKnow(options, 'memory')
  const memory = open(log, options)
  const seen = memory.read()
  if (seen) memory.write({ ...seen, evicted: undefined })
}

/** What was taken away now, and before without anybody's notice. */
const together = ({ confirmed, pending, time, evicted }: Seen): Eviction | undefined => {
  const all = {
    confirmed: Math.max(confirmed, evicted?.confirmed ?? 0),
    pending: pending + (evicted?.pending ?? 0),
    time,
  }
  return all.confirmed + all.pending > 0 ? all : undefined
}

/** What is remembered of a log; nothing where a browser lets nothing be remembered. */
function open(
  log: WatchedLog,
  { memory }: EvictionOptions,
): { readonly read: () => Seen | undefined; readonly write: (seen: Seen | undefined) => void } {
  const key = `${insideOf(log).database}/seen`
  return {
    read: () => {
      try {
        const seen: Partial<Seen> = JSON.parse((memory ?? localStorage).getItem(key) ?? '{}')
        return typeof seen.identity === 'string' ? (seen as Seen) : undefined
      } catch {
        return undefined
      }
    },
    write: (seen) => {
      try {
        ;(memory ?? localStorage).setItem(key, JSON.stringify(seen ?? {}))
      } catch {
        // Full or forbidden: then nothing is known the next time.
      }
    },
  }
}
