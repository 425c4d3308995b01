// A store that is called over HTTP, for whoever can't run inside an object.
import type { LogStore } from '../../server/store.ts'
import { createWatchers } from '../../server/watchers.ts'

/** A part of a store, the name of a method, and what it is given. */
export type Call = readonly ['store' | 'segments' | 'erasures', string, readonly unknown[]]

export const toText = (value: unknown): string =>
  JSON.stringify({ value }, (_, one: unknown) => (one instanceof Uint8Array ? { bytes: [...one] } : one))
export function fromText(text: string): unknown {
  const { value }: { readonly value?: unknown } = JSON.parse(text, (_, one: unknown) =>
    one instanceof Object && 'bytes' in one && Array.isArray(one.bytes) ? new Uint8Array(one.bytes) : one,
  )
  return value
}

/** The store of the worker in `edge-calls.fixture.ts`. It watches nothing. */
export function calledStore(url: string): LogStore {
  const call =
    (part: Call[0], name: string) =>
    // What comes back is what the method of that name gives, which no type can follow through JSON.
    async (log: string, ...values: readonly unknown[]): Promise<never> => {
      const body = toText([part, name, [log, ...values]] satisfies Call)
      const response = await fetch(`${url}/?log=${encodeURIComponent(log)}`, { method: 'POST', body })
      const text = await response.text()
      if (response.status !== 200) throw new Error(text)
      return fromText(text) as never
    }
  return {
    append: call('store', 'append'),
    range: call('store', 'range'),
    head: call('store', 'head'),
    digestAt: call('store', 'digestAt'),
    watch: createWatchers().add,
    segments: { list: call('segments', 'list'), get: call('segments', 'get'), add: call('segments', 'add') },
    erasures: { through: call('erasures', 'through'), put: call('erasures', 'put') },
    close: async () => {},
  }
}
