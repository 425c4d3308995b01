import type { LogStore } from './store.ts'

/** The calls of a store that may take time. */
export type StoreCall =
  | 'append'
  | 'range'
  | 'head'
  | 'digestAt'
  | 'segments.list'
  | 'segments.get'
  | 'segments.add'
  | 'erasures.through'
  | 'erasures.put'

/** Runs a call with something around it. */
export type Around = <T>(call: StoreCall, run: () => Promise<T>) => Promise<T>

/** The same store, with something around each of its calls but `watch` and `close`. */
export function wrapStore(store: LogStore, around: Around): LogStore {
  const { segments, erasures } = store
  return {
    append: (...given) => around('append', () => store.append(...given)),
    range: (...given) => around('range', () => store.range(...given)),
    head: (...given) => around('head', () => store.head(...given)),
    digestAt: (...given) => around('digestAt', () => store.digestAt(...given)),
    watch: (...given) => store.watch(...given),
    ...(segments && {
      segments: {
        list: (...given) => around('segments.list', () => segments.list(...given)),
        get: (...given) => around('segments.get', () => segments.get(...given)),
        add: (...given) => around('segments.add', () => segments.add(...given)),
      },
    }),
    ...(erasures && {
      erasures: {
        through: (...given) => around('erasures.through', () => erasures.through(...given)),
        put: (...given) => around('erasures.put', () => erasures.put(...given)),
      },
    }),
    close: () => store.close(),
  }
}
