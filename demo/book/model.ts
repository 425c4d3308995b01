// The harbour book: which ships passed the quay. A log of its own, apart from the shop's.

import type { Events, Log, Recorded } from 'tidelog'
import { defineEvents, defineFor, defineLog, event } from 'tidelog'
import * as v from 'valibot'

const ShipPassed = v.object({
  ship: v.string(),
  port: v.string(),
  bound: v.picklist(['in', 'out']),
  tonnes: v.number(),
  on: v.string(),
})
const PageSigned = v.object({ page: v.number(), keeper: v.string() })

const events = defineEvents({
  ShipPassed: event(ShipPassed, { stream: ({ ship }) => `ship-${ship}`, tags: ['ship', 'port'] }),
  /** The last line of a page: so the pages that are there can be told without reading them. */
  PageSigned: event(PageSigned, { stream: () => 'pages' }),
})

export const define = defineFor(events)
export const book = defineLog({ name: 'harbour-book', events })

type BookMap = typeof events extends Events<infer M> ? M : never
export type BookLog = Log<BookMap>
export type Passage = Recorded<BookMap, 'ShipPassed'>
/** A line of the book that is yet to be written. */
export type Line =
  | { readonly type: 'ShipPassed'; readonly data: v.InferOutput<typeof ShipPassed> }
  | { readonly type: 'PageSigned'; readonly data: v.InferOutput<typeof PageSigned> }
