import type { Selectable, Selector } from '../core/query.ts'

/** Finds the commits whose condition may look at an event, without looking at the others. */
export class ConditionIndex<T extends { readonly selectors: readonly Selector[] }> {
  readonly #byTerm = new Map<string, Set<T>>()

  add(item: T): void {
    for (const term of termsOf(item.selectors)) {
      const items = this.#byTerm.get(term)
      if (items === undefined) this.#byTerm.set(term, new Set([item]))
      else items.add(item)
    }
  }

  remove(item: T): void {
    for (const term of termsOf(item.selectors)) {
      const items = this.#byTerm.get(term)
      items?.delete(item)
      if (items?.size === 0) this.#byTerm.delete(term)
    }
  }

  /** Every commit that can look at the event is among them. */
  candidates({ stream, type, tags = [] }: Selectable): readonly T[] {
    const terms = ['', `s${stream}`, `y${type}`, ...tags.map((tag) => `t${tag}`)]
    return [...new Set(terms.flatMap((term) => [...(this.#byTerm.get(term) ?? [])]))]
  }
}

/** One term of each alternative that any event it matches has to have; the empty one for an alternative that asks for nothing. */
const termsOf = (selectors: readonly Selector[]): readonly string[] =>
  selectors.flatMap(({ stream, tags = [], types }) => {
    if (tags[0] !== undefined) return [`t${tags[0]}`]
    // The type first: the end of a stream is rare, and every commit looks out for it.
    return types?.map((type) => `y${type}`) ?? [stream === undefined ? '' : `s${stream}`]
  })
