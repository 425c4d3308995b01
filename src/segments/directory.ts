// Text of a directory: ⏎ key ⇥ version ⇥ parts ⏎ key ⇥ … ⏎
// A key holds neither ⏎ nor ⇥, so "⏎ key ⇥" occurs at the start of its own line and nowhere else.
import { bucketCount, bucketOf, type Term } from './terms.ts'

/** Where a term occurs. */
export interface Found {
  /** Numbers of parts, from 0, rising. */
  readonly parts: readonly number[]
  /** Last version of a stream; 0 for other terms. */
  readonly version: number
}

/** Collects which parts hold which terms, as text for `findTerm`. */
export class DirectoryBuilder {
  readonly #terms = new Map<Term, { readonly parts: number[]; version: number }>()
  #partCount = 0

  /** Parts of a term come in rising order; its last version counts. */
  add(term: Term, part: number, version = 0): void {
    let found = this.#terms.get(term)
    if (found === undefined) {
      found = { parts: [], version }
      this.#terms.set(term, found)
    }
    if (found.parts.at(-1) !== part) found.parts.push(part)
    found.version = version
    this.#partCount = Math.max(this.#partCount, part + 1)
  }

  /** All terms. */
  text(): string {
    return toText([...this.#terms].map(([term, found]) => this.#toLine(term, found)))
  }

  /** The lines of each bucket; an empty text where there are none. */
  buckets(): readonly string[] {
    const buckets = Array.from({ length: bucketCount }, (): string[] => [])
    for (const [term, found] of this.#terms) buckets[bucketOf(term)]?.push(this.#toLine(term, found))
    return buckets.map(toText)
  }

  #toLine(term: Term, { parts, version }: Found): string {
    const steps = parts.map((part, at) => (part - (parts[at - 1] ?? 0)).toString(36))
    return `${toKey(term)}\t${version ? version.toString(36) : ''}\t${steps.length < this.#partCount ? steps : '*'}`
  }
}

/** Looks a term up in the text of a directory or of its bucket; `partCount` is that of the whole segment. */
export function findTerm(text: string, term: Term, partCount: number): Found | undefined {
  const key = `\n${toKey(term)}\t`
  const at = text.indexOf(key)
  if (at < 0) return undefined
  const [version = '', steps = ''] = text.slice(at + key.length, text.indexOf('\n', at + 1)).split('\t')
  let part = 0
  const parts = steps.split(',').map((step) => {
    part += Number.parseInt(step, 36)
    return part
  })
  return { version: Number.parseInt(version || '0', 36), parts: steps === '*' ? allParts(partCount) : parts }
}

/** The numbers of so many parts. */
export const allParts = (partCount: number): readonly number[] => [...Array(partCount).keys()]

/** The inside of a JSON string: no control characters, no half surrogates, and no two texts alike. */
const toKey = (term: Term): string => JSON.stringify(term).slice(1, -1)
const toText = (lines: readonly string[]): string => (lines.length > 0 ? `\n${lines.join('\n')}\n` : '')
