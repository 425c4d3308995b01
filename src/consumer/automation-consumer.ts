import type { AnyAutomation } from '../core/automation.ts'
import { Consumer } from './consumer.ts'
import type { Context } from './context.ts'
import type { AnyEvent } from './handling.ts'
import type { Hub } from './hub.ts'

/** Whether an event is one that an automation runs for here. */
export type IsWanted = (event: AnyEvent) => boolean

/** The consumer behind a reactor, or behind the planner of a task: what it can't handle is parked, and holds up nothing. */
export function consume(
  hub: Hub,
  { kind, name, stream, query, from }: AnyAutomation,
  retry: number,
  isWanted: IsWanted,
  handle: (event: AnyEvent, context: Context) => Promise<void>,
): Consumer {
  const options = {
    name: `${kind}/${name}`,
    ...(stream !== undefined && { stream }),
    ...(query !== undefined && { query: query as object }),
    ...(from !== undefined && { from }),
    filter: isWanted as (event: never) => boolean,
    onError: { retry, giveUp: 'park' as const },
  }
  return new Consumer(hub, options, {
    handle: (event: never, context) => handle(event as AnyEvent, context as Context),
  })
}
