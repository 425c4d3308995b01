import { type AnyLog, type Inside, insideOf } from '../client/inside.ts'
import { Hub } from '../consumer/hub.ts'
import type { ConsumerPorts } from '../consumer/ports.ts'
import { browserLocks } from '../platform/browser.ts'

const hubs = new WeakMap<Inside, Hub>()

/** What the subscriptions of a log in this tab share. */
export function hubOf(log: AnyLog): Hub {
  const parts = insideOf(log)
  const present = hubs.get(parts)
  if (present !== undefined) return present
  const hub = new Hub(portsOf(parts))
  hubs.set(parts, hub)
  return hub
}

export function portsOf({ call, feed, definitions, database, ports }: Inside): ConsumerPorts {
  return {
    clock: ports.clock,
    random: ports.random,
    locks: ports.locks ?? browserLocks,
    call,
    definitions,
    database,
    onMoved: feed.onMoved,
    onSuspended: onPageSuspended,
  }
}

/** A page that is frozen, or kept in the back/forward cache, must not keep locks. */
function onPageSuspended(suspended: () => void, resumed: () => void): () => void {
  if (typeof document === 'undefined') return () => {}
  const ending = new AbortController()
  const { signal } = ending
  for (const name of ['freeze', 'pagehide']) addEventListener(name, suspended, { signal, capture: true })
  for (const name of ['resume', 'pageshow']) addEventListener(name, resumed, { signal, capture: true })
  return () => ending.abort()
}
