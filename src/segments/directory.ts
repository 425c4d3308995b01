// Text of a directory: ⏎ key ⇥ version ⇥ parts ⏎ key ⇥ … ⏎
// A key holds neither ⏎ nor ⇥, so "⏎ key ⇥" occurs at the start of its own line and nowhere else.

import { damaged } from '../core/damage.ts'
import { isCount } from '../core/guard.ts'
import { bucketCount, bucketOf, hashOfUnits, type Term, termOf } from './terms.ts'

/** Where a term occurs. */
export interface Found {
  /** Numbers of parts, from 0, rising. */
  readonly parts: readonly number[]
  /** Last version of a stream; 0 for other terms. */
  readonly version: number
}

/** Collects which parts hold which terms, as text for {@link Directory}. */
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

/** Looks terms up in the text of a directory, or of one of its buckets. */
export class Directory {
  readonly #text: string
  /** Where lines begin, plus one; a line is at the hash of its key, or right behind. */
  readonly #places: Uint32Array

  /** Throws for a text that no {@link DirectoryBuilder} has made: to look something up in it might never end. */
  constructor(text: string) {
    if (!isDirectoryText(text)) throw damaged()
    this.#text = text
    let lines = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++
    this.#places = new Uint32Array(2 ** Math.ceil(Math.log2(2 * lines + 1)))
    const mask = this.#places.length - 1
    for (let start = 1; start < text.length; start = text.indexOf('\n', start) + 1) {
      let place = hashOfUnits(text, start, text.indexOf('\t', start)) & mask
      while (this.#places[place] !== 0) place = (place + 1) & mask
      this.#places[place] = start + 1
    }
  }

  /** `partCount` is that of the whole segment. */
  find(term: Term, partCount: number): Found | undefined {
    const key = toKey(term)
    const mask = this.#places.length - 1
    for (let place = hashOfUnits(key) & mask; ; place = (place + 1) & mask) {
      const start = (this.#places[place] ?? 0) - 1
      if (start < 0) return undefined
      const end = start + key.length
      if (this.#text.startsWith(key, start) && this.#text.charAt(end) === '\t')
        return readLine(this.#text.slice(end + 1, this.#text.indexOf('\n', end)), partCount)
    }
  }

  /** Characters that it keeps. */
  get size(): number {
    return this.#text.length
  }
}

/** The last version of each stream in the text of a directory, or of one of its buckets. */
export function* streamVersions(text: string): Generator<readonly [stream: string, version: number]> {
  const kind = termOf.stream('')
  for (const line of text.split('\n')) {
    if (!line.startsWith(kind)) continue
    const [key = '', version = ''] = line.split('\t')
    const name: unknown = JSON.parse(`"${key.slice(kind.length)}"`)
    yield [String(name), Number.parseInt(version, 36)]
  }
}

function readLine(line: string, partCount: number): Found {
  const [text = '', steps = ''] = line.split('\t')
  let part = 0
  const parts = steps.split(',').map((step) => {
    part += Number.parseInt(step, 36)
    return part
  })
  const version = Number.parseInt(text || '0', 36)
  const isSound = steps === '*' || parts.every((part) => isCount(part) && part < partCount)
  // What lies in no part would be looked for on disk again and again.
  if (!isCount(version) || !isSound) throw damaged()
  return { version, parts: steps === '*' ? allParts(partCount) : parts }
}

/** Whether every line has its end: the outer shape of a directory's text. */
export const isDirectoryText = (value: unknown): value is string =>
  typeof value === 'string' && (value === '' || (value.startsWith('\n') && value.endsWith('\n')))

/** The numbers of so many parts. */
export const allParts = (partCount: number): readonly number[] => [...Array(partCount).keys()]

/** The inside of a JSON string: no control characters, no half surrogates, and no two texts alike. */
const toKey = (term: Term): string => JSON.stringify(term).slice(1, -1)
const toText = (lines: readonly string[]): string => (lines.length > 0 ? `\n${lines.join('\n')}\n` : '')
