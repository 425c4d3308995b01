import { type AnyLog, type Inside, insideOf } from '../client/inside.ts'
import { Hub } from '../consumer/hub.ts'
import type { ConsumerPorts } from '../consumer/ports.ts'
import { browserLocks } from '../platform/browser.ts'
import { isPageVisible, onPageSuspended } from '../platform/page-life.ts'

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

/** The page's side of what consumers need. */
export function portsOf({ call, feed, definitions, database, ports }: Inside): ConsumerPorts {
  return {
    clock: ports.clock,
    random: ports.random,
    locks: ports.locks ?? browserLocks,
    openChannel: ports.openChannel,
    isVisible: isPageVisible,
    call,
    definitions,
    database,
    onMoved: feed.onMoved,
    onSuspended: onPageSuspended,
  }
}
