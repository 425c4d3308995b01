// Runs one rule of a store inside a fresh object: `GET /{number}` answers 200, or 500 with what went wrong.
import { durableObjectStore, type LogObjectStorage } from '../../server/edge.ts'
import { erasureContract } from '../../server/erasures.contract.ts'
import { segmentContract } from '../../server/segments.contract.ts'
import { storeContract } from '../../server/store.contract.ts'
import { limited } from './edge-limits.ts'

const rules = [...storeContract, ...segmentContract, ...erasureContract]

export class RuleObject {
  readonly #storage: LogObjectStorage
  constructor({ storage }: { readonly storage: LogObjectStorage }) {
    this.#storage = limited(storage)
  }
  async fetch({ url }: Request): Promise<Response> {
    const rule = rules[Number(new URL(url).pathname.slice(1))]
    // Each object is a place of its own, and no rule has two.
    const open = async (place: string) => {
      if (place !== 'one') throw new Error(`a second place, ${place}`)
      return durableObjectStore(this.#storage)
    }
    try {
      await rule?.check(open)
      return new Response(rule?.rule)
    } catch (error) {
      return new Response(error instanceof Error ? `${error.message}\n${error.stack}` : String(error), { status: 500 })
    }
  }
}

interface Env {
  readonly RuleObject: {
    newUniqueId(): unknown
    get(id: unknown): { fetch(request: Request): Promise<Response> }
  }
}
export default {
  fetch: (request: Request, { RuleObject }: Env) => RuleObject.get(RuleObject.newUniqueId()).fetch(request),
}
