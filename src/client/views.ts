import { hashText } from '../core/digest.ts'
import { definitionsOf, type EventMap } from '../core/event.ts'
import type { Marker, Receipt } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import type { Projection } from '../core/projection.ts'
import { scopeToSelectors } from '../core/queries.ts'
import type { Selector } from '../core/query.ts'
import { type AnyFold, type ChangeSource, LiveView } from '../projection/live-view.ts'
import type { View } from './types.ts'

/** The views of a log, one for each projection and scope. */
export class Views {
  readonly #source: ChangeSource
  readonly #clock: Clock
  readonly #views = new Map<string, { readonly live: LiveView<unknown>; readonly view: View<unknown> }>()

  constructor(source: ChangeSource, clock: Clock) {
    this.#source = source
    this.#clock = clock
  }

  open<M extends EventMap, S, P>(projection: Projection<M, S, P>, params: P): View<S> {
    const selectors = narrow(scopeToSelectors(projection.scope?.(params) ?? {}), Object.keys(projection.on))
    const key = `${projection.name}/${projection.version}/${hashText(JSON.stringify(selectors))}`
    const present = this.#views.get(key)
    if (present !== undefined) return present.view as View<S>
    const on: AnyFold<S> = projection.on
    const definitions = definitionsOf(projection.events)
    const live = new LiveView<S>(
      { key, initial: projection.initial, on, selectors, definitions },
      this.#source,
      this.#clock,
    )
    const close = (): void => {
      live.close()
      if (this.#views.get(key)?.view === view) this.#views.delete(key)
    }
    const view: View<S> = {
      get: () => live.get(),
      subscribe: (onChange) => live.subscribe(onChange),
      ready: live.ready,
      waitFor: (seen, options) => live.waitFor(toMarker(seen), options?.timeoutMs),
      error: () => live.error(),
      close,
    }
    this.#views.set(key, { live: live as LiveView<unknown>, view: view as View<unknown> })
    return view
  }

  close(): void {
    for (const { live } of this.#views.values()) live.close()
    this.#views.clear()
  }
}

const toMarker = (seen: Receipt<unknown> | Marker): Marker => ('head' in seen ? seen.head : seen)

/** Only events that the fold has a handler for need to be read. */
function narrow(selectors: readonly Selector[], handled: readonly string[]): readonly Selector[] {
  return selectors.map((selector) => ({
    ...selector,
    types: selector.types === undefined ? handled : selector.types.filter((type) => handled.includes(type)),
  }))
}
