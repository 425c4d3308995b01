import type { ConsumerPorts } from '../consumer/ports.ts'
import type { Doc, RowsFold } from '../consumer/rows-fold.ts'
import { askAll, type Layout, lastCheckpoint, layoutOfChain } from '../consumer/rows-layout.ts'
import { TidelogError } from '../core/errors.ts'
import type { Marker } from '../core/outcome.ts'
import type { KeptRow } from '../protocol/worker.ts'
import { type FindWanted, isIn, toCursor, type Wanted } from './asking.ts'
import { type FoundRows, placesOf } from './find.ts'
import { next, StoredRows } from './stored.ts'

const pageMax = 1_000
/** Found entries that are held while the rest is looked at. */
const heldMax = 2_000

type Upgrade = (old: unknown, fromVersion: number, id: string) => unknown

/** The rows of the version before, as far as they were brought: shown by `upgrade` while the new ones are being built. */
export class OlderRows {
  readonly version: number
  readonly head: Marker
  readonly #stored: StoredRows
  readonly #fold: RowsFold

  private constructor(stored: StoredRows, version: number, fold: RowsFold, head: Marker) {
    this.version = version
    this.#stored = stored
    this.#fold = fold
    this.head = { ...head, confirmed: stored.standing.position, revision: 0 }
  }

  /** The rows of the newest version below this one that have been built. */
  static async find(
    call: ConsumerPorts['call'],
    layout: Layout,
    fold: RowsFold,
    head: Marker,
    erasedAt: number,
  ): Promise<OlderRows | undefined> {
    if (fold.model.upgrade === undefined) return undefined
    const [found] = await call((api) => api.lookUp([askAll(layout.builds)]))
    const chains = new Map<string, KeptRow[]>()
    for (const row of found?.rows ?? []) chains.set(row.chain, [...(chains.get(row.chain) ?? []), row])
    let newest: OlderRows | undefined
    for (const [chain, rows] of chains) {
      const kept = lastCheckpoint(rows)
      const { version } = layoutOfChain(chain)
      if (kept === undefined || kept.at.generation === 0 || kept.at.erasedAt !== erasedAt) continue
      if (version >= layout.version || version <= (newest?.version ?? 0)) continue
      newest = new OlderRows(new StoredRows(call, layoutOfChain(chain), kept.n, kept.at), version, fold, head)
    }
    return newest
  }

  async get(id: string): Promise<unknown> {
    const [text] = await this.#stored.rows([id])
    return text === undefined ? undefined : this.#upgraded(text, id)?.row
  }

  /** Looks at all rows: the indexes of the version before need not be those of this one. */
  async find({ index, range, isDescending, limit }: FindWanted): Promise<FoundRows> {
    type Held = { readonly place: string; readonly id: string; readonly doc: Doc }
    const order = (a: Held, b: Held): number => (a.place < b.place === isDescending ? 1 : -1)
    let held: Held[] = []
    for await (const { id, doc } of this.#all())
      for (const place of placesOf(doc, id, index)) {
        if (isIn(range, place)) held.push({ place, id, doc })
        if (held.length >= heldMax + limit * 2) held = held.sort(order).slice(0, limit + 1)
      }
    held.sort(order)
    const rows = held.slice(0, limit).map(({ id, doc }) => Object.freeze({ id, row: doc.row }))
    const last = held[rows.length - 1]
    return held.length > limit && last ? { rows, next: toCursor(index, last.place) } : { rows }
  }

  async count({ index, range }: Wanted): Promise<number> {
    let count = 0
    for await (const { id, doc } of this.#all())
      count += placesOf(doc, id, index).filter((place) => isIn(range, place)).length
    return count
  }

  async *#all(): AsyncGenerator<{ readonly id: string; readonly doc: Doc }> {
    for (let from = ''; ; ) {
      const page = await this.#stored.first(undefined, { from, until: undefined }, pageMax)
      for (const { id, text } of page) {
        const doc = this.#upgraded(String(text), id)
        if (doc !== undefined) yield { id, doc }
      }
      const last = page.at(-1)
      if (last === undefined || page.length < pageMax) return
      from = next(last.place)
    }
  }

  #upgraded(text: string, id: string): Doc | undefined {
    try {
      const row = (this.#fold.model.upgrade as Upgrade)(JSON.parse(text), this.version, id)
      return row === undefined ? undefined : this.#fold.docOf(row, id)
    } catch (cause) {
      throw new TidelogError('tidelog/data', `row ${id} of version ${this.version} can't be upgraded: ${cause}`, {
        cause,
      })
    }
  }
}
