import { readConsumerOptions } from '../consumer/options.ts'
import type { AnyAutomation } from '../core/automation.ts'
import { type DecodedEvent, decodeEvent } from '../core/decode.ts'
import { mustBe } from '../core/errors.ts'
import { definitionsOf } from '../core/event.ts'
import { type History, placedIn, toHistory } from './history.ts'

/** What an automation is handed: nothing when it is not told of such events, several where the stored event has become several. */
export interface Trigger {
  /** The fact included. */
  readonly history: History
  readonly events: readonly DecodedEvent[]
}

/** Puts a fact behind a history, and gives it as an automation gets it. */
export function triggerOf({ events, stream, query }: AnyAutomation, before: History, fact: unknown): Trigger {
  const definitions = definitionsOf(events)
  const added = toHistory(definitions, [fact], 'the fact')
  const isOne = added.flatMap((commit) => commit.events).length === 1 && added.every(({ pending }) => !pending)
  mustBe(isOne, 'the fact', 'pending, or several')
  const history = [...before, ...added]
  const placed = placedIn(history).at(-1)
  mustBe(placed?.position !== undefined && before.every(({ pending }) => !pending), 'the history', 'pending')
  const scope = { ...(stream !== undefined && { stream }), ...(query !== undefined && { query: query as object }) }
  const { wants, isAsked } = readConsumerOptions(scope, definitions)
  const all = decodeEvent(definitions, placed, placed)
  const isKnown = (event: (typeof all)[number]): event is DecodedEvent => !('originalType' in event)
  return { history, events: wants([placed, placed]) ? all.filter(isKnown).filter(isAsked) : [] }
}
