export type TableKey = number | string | readonly TableKey[]

interface Entry {
  readonly key: TableKey
  readonly row: object
}
export interface Bounds {
  readonly lower?: TableKey | undefined
  readonly upper?: TableKey | undefined
  readonly lowerOpen: boolean
  readonly upperOpen: boolean
}

/** Rows in key order. */
export class Table {
  readonly #keyPath: string | readonly string[]
  readonly #entries: Entry[]

  constructor(keyPath: string | readonly string[], entries: Entry[] = []) {
    this.#keyPath = keyPath
    this.#entries = entries
  }

  copy(): Table {
    return new Table(this.#keyPath, [...this.#entries])
  }

  keyOf(row: object): TableKey {
    const part = (path: string): string | number => row[path as keyof typeof row]
    return typeof this.#keyPath === 'string' ? (part(this.#keyPath) as number) : this.#keyPath.map(part)
  }

  get(key: TableKey): object | undefined {
    const entry = this.#entries[this.#indexOf(key)]
    return entry !== undefined && compare(entry.key, key) === 0 ? entry.row : undefined
  }

  within({ lower, upper, lowerOpen, upperOpen }: Bounds, limit = Number.POSITIVE_INFINITY): readonly object[] {
    const rows: object[] = []
    for (let at = lower === undefined ? 0 : this.#indexOf(lower); at < this.#entries.length; at++) {
      const { key, row } = this.#entries[at]!
      if (lowerOpen && lower !== undefined && compare(key, lower) === 0) continue
      const above = upper === undefined ? -1 : compare(key, upper)
      if (above > 0 || (above === 0 && upperOpen) || rows.length >= limit) break
      rows.push(row)
    }
    return rows
  }

  /** Answers the row that was there before. */
  put(row: object): object | undefined {
    const key = this.keyOf(row)
    const at = this.#indexOf(key)
    const present = this.#entries[at]
    const isThere = present !== undefined && compare(present.key, key) === 0
    this.#entries.splice(at, isThere ? 1 : 0, { key, row })
    return isThere ? present.row : undefined
  }

  remove(key: TableKey): void {
    const at = this.#indexOf(key)
    const present = this.#entries[at]
    if (present !== undefined && compare(present.key, key) === 0) this.#entries.splice(at, 1)
  }

  #indexOf(key: TableKey): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(this.#entries[middle]!.key, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** As IndexedDB orders keys: numbers, then strings, then lists. */
function compare(a: TableKey, b: TableKey): number {
  const rank = (key: TableKey): number => (typeof key === 'number' ? 0 : typeof key === 'string' ? 1 : 2)
  if (rank(a) !== rank(b)) return rank(a) - rank(b)
  if (typeof a !== 'object' || typeof b !== 'object') return a === b ? 0 : a < b ? -1 : 1
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compare(a[i]!, b[i]!)
    if (order !== 0) return order
  }
  return a.length - b.length
}
