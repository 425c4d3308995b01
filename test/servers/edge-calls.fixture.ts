// The store of each log in an object of its own, called from outside: `POST /` with the name of the log and the call.
import { durableObjectStore, type LogNamespace, type LogObjectStorage } from '../../server/edge.ts'
import type { LogStore } from '../../server/store.ts'
import { type Call, fromText, toText } from './edge-calls.ts'
import { limited } from './edge-limits.ts'

export class CallObject {
  readonly #store: LogStore
  constructor({ storage }: { readonly storage: LogObjectStorage }) {
    this.#store = durableObjectStore(limited(storage))
  }
  async fetch(request: Request): Promise<Response> {
    const [part, name, values] = fromText(await request.text()) as Call
    const object: unknown = part === 'store' ? this.#store : this.#store[part]
    const method: unknown = object instanceof Object ? Reflect.get(object, name) : undefined
    if (typeof method !== 'function') return new Response(`no ${part}.${name}`, { status: 404 })
    try {
      return new Response(toText(await Reflect.apply(method, object, values)))
    } catch (error) {
      return new Response(String(error), { status: 500 })
    }
  }
}

export default {
  fetch: (request: Request, { CallObject }: { readonly CallObject: LogNamespace }) =>
    CallObject.get(CallObject.idFromName(new URL(request.url).searchParams.get('log') ?? '')).fetch(request),
}
