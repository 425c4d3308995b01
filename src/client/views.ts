import { definitionsOf, type EventMap } from '../core/event.ts'
import type { Clock } from '../core/ports.ts'
import type { Projection } from '../core/projection.ts'
import { widen, widenTypes } from '../core/widen.ts'
import { type ChangeSource, createLiveView } from '../projection/live-view.ts'
import type { AnyScope } from '../protocol/worker.ts'
import type { Call } from './connection.ts'
import type { Feed } from './feed.ts'
import type { View } from './types.ts'

interface Views {
  readonly open: <M extends EventMap, S, P>(projection: Projection<M, S, P>, params: P) => View<S>
  readonly close: () => void
}

/** The views of a log, one for each projection and scope. */
export function createViews(call: Call, feed: Feed, clock: Clock): Views {
  const views = new Map<string, { readonly close: () => void }>()
  const source: ChangeSource = {
    call,
    onMoved: (listener) => feed.onMoved((notice) => listener(notice?.head)),
  }
  return {
    open: <M extends EventMap, S, P>(projection: Projection<M, S, P>, params: P): View<S> => {
      const { name, version, initial, on, events } = projection
      const definitions = definitionsOf(events)
      const { scope, isAsked } = widen<AnyScope>(definitions, projection.scope?.(params) ?? {})
      const types = widenTypes(definitions, Object.keys(on))
      // By what is found: a snapshot from before an event became others lacks what they are now.
      const key = JSON.stringify([name, version, scope, types])
      const present = views.get(key)
      if (present) return present as View<S>
      const spec = { key, initial, on, scope, isAsked, types, definitions }
      const view = createLiveView<S>(spec, source, clock, () => views.delete(key))
      views.set(key, view)
      return view
    },
    close: () => {
      for (const view of views.values()) view.close()
    },
  }
}
