import { decodeAll, decodeText } from '../core/decode.ts'
import type { EventMap } from '../core/event.ts'
import { mustBeJson } from '../core/json.ts'
import type { Marker } from '../core/outcome.ts'
import { widen } from '../core/widen.ts'
import type { AnyReadOptions, ReadAnswer } from '../protocol/worker.ts'
import type { AnyEvent } from './appends.ts'
import type { Call } from './connection.ts'

export interface AnyReadResult extends AsyncIterable<AnyEvent> {
  readonly head: Promise<Marker>
  readonly all: () => Promise<{ readonly events: readonly AnyEvent[]; readonly head: Marker }>
}

/** Reads a log page by page; the worker refuses options that make no sense. */
export function readLog(call: Call, definitions: EventMap, options: AnyReadOptions): AnyReadResult {
  mustBeJson(options)
  const { direction, limit = Infinity } = options
  const isBackwards = direction === 'backwards'
  const isLenient = options.unknown === 'yield'
  const { scope, isAsked } = widen(definitions, options)
  const ask = (cursor?: number, through?: number): Promise<ReadAnswer> =>
    call((api) => api.read({ options: scope, cursor, through }))
  /** Confirmed pages, and the pending events of the first one's moment. */
  async function* pages(start: ReadAnswer): AsyncGenerator<readonly AnyEvent[]> {
    const pending = () => decodeAll(definitions, JSON.parse(start.pending), isLenient, isBackwards)
    if (isBackwards) yield pending()
    for (let page = start; ; ) {
      const { events, cursor } = page
      // Asked for while this page is read: half of the time is the worker's. One with a limit mostly ends with it.
      const ahead = cursor && limit === Infinity ? ask(cursor, start.through) : undefined
      ahead?.catch(() => {})
      // The question leaves before this page takes the thread.
      await null
      yield decodeText(definitions, events, isLenient, isBackwards)
      if (!cursor) break
      page = await (ahead ?? ask(cursor, start.through))
    }
    if (!isBackwards) yield pending()
  }
  async function* eventsOf(start: () => Promise<ReadAnswer>): AsyncGenerator<AnyEvent> {
    let left = limit
    for await (const page of pages(await start())) {
      // What this build does not know, and parts that were not asked for, are left out before they count.
      const given = page.filter((event) => (event.type !== '$unknown' || isLenient) && isAsked(event))
      for (const [at, event] of given.entries()) {
        if (left > 0) yield event
        // The parts of a stored event count as one, and are given together.
        if (event.id !== given[at + 1]?.id && --left <= 0) return
      }
    }
  }
  let shared: Promise<ReadAnswer> | undefined
  const first = (): Promise<ReadAnswer> => {
    shared ??= ask()
    return shared
  }
  return {
    get head() {
      return first().then(({ head }) => head)
    },
    all: async () => {
      const events: AnyEvent[] = []
      for await (const event of eventsOf(first)) events.push(event)
      return { events, head: (await first()).head }
    },
    // Each iteration is a read of its own; only `head` and `all` share one.
    [Symbol.asyncIterator]: () => eventsOf(shared ? ask : first),
  }
}
