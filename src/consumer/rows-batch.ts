import { createBreather } from '../core/breather.ts'
import type { EventMap } from '../core/event.ts'
import type { Clock } from '../core/ports.ts'
import type { KeptAsk, KeptFound, KeptRow } from '../protocol/worker.ts'
import { decodeRaw, type RawEvent } from './raw-event.ts'
import { type Doc, idsOf, Poison, type RowsFold, type Step } from './rows-fold.ts'
import type { GenerationChains, RowsProblem } from './rows-layout.ts'
import { SeenIds } from './seen-ids.ts'

/** Rows that a writer remembers, so that it need not read again what it wrote. */
const rememberedMax = 5_000
/** No page waits longer for a writer. */
const sliceMs = 8

/** What one transaction changes. */
export interface RowsChange {
  readonly put: readonly KeptRow[]
  readonly delete: readonly { readonly chain: string; readonly from: number; readonly to: number }[]
  /** Where it stopped, if it could not go on. */
  readonly problem: RowsProblem | undefined
}

interface Ports {
  readonly clock: Clock
  readonly definitions: EventMap
  readonly lookUp: (asks: readonly KeptAsk[]) => Promise<readonly KeptFound[]>
}

/** Folds batches of events over the rows of one generation; rows come from the disk when they are touched. */
export class RowsBatcher {
  readonly #ports: Ports
  readonly #fold: RowsFold
  readonly #chains: GenerationChains
  readonly #known = new Map<string, Doc | undefined>()
  /** All ids that were ever touched, where this began with no rows. */
  readonly #seen: SeenIds | undefined

  constructor(ports: Ports, fold: RowsFold, chains: GenerationChains, isFresh: boolean) {
    this.#seen = isFresh ? new SeenIds() : undefined
    this.#ports = ports
    this.#fold = fold
    this.#chains = chains
  }

  async fold(events: readonly RawEvent[]): Promise<RowsChange> {
    const breathe = createBreather(this.#ports.clock, sliceMs)
    const steps: Step[] = []
    let problem: RowsProblem | undefined
    for (const raw of events) {
      try {
        steps.push(this.#stepOf(raw))
      } catch (error) {
        problem = problemOf(error)
        break
      }
      await breathe()
    }
    const before = await this.#load(steps)
    const after = new Map(before)
    for (const step of steps) {
      try {
        for (const [id, doc] of this.#fold.rowsBehind(step, (id) => after.get(id))) after.set(id, doc)
      } catch (error) {
        problem = problemOf(error)
        break
      }
      await breathe()
    }
    return { ...this.#compare(before, after), problem }
  }

  #stepOf(raw: RawEvent): Step {
    try {
      return this.#fold.stepOf(decodeRaw(this.#ports.definitions, raw))
    } catch (error) {
      throw error instanceof Poison ? error : new Poison(raw[1], error)
    }
  }

  async #load(steps: readonly Step[]): Promise<ReadonlyMap<string, Doc | undefined>> {
    const ids = [...new Set(steps.flatMap(idsOf))]
    const isSurelyNew = (id: string): boolean => this.#seen?.mayHave(id) === false
    const missing = ids.filter((id) => !this.#known.has(id) && !isSurelyNew(id))
    for (const id of ids) this.#seen?.add(id)
    const found =
      missing.length > 0 ? await this.#ports.lookUp(missing.map((id) => ({ chain: this.#chains.rows + id }))) : []
    for (const [at, id] of missing.entries()) {
      const [row] = found[at]?.rows ?? []
      this.#known.set(id, row && this.#fold.read(String(row.value), id))
    }
    return new Map(ids.map((id) => [id, this.#known.get(id)]))
  }

  #compare(
    before: ReadonlyMap<string, Doc | undefined>,
    after: ReadonlyMap<string, Doc | undefined>,
  ): Omit<RowsChange, 'problem'> {
    const put: KeptRow[] = []
    const gone: string[] = []
    for (const [id, doc] of after) {
      const old = before.get(id)
      this.#known.delete(id)
      this.#known.set(id, doc)
      if (old === doc) continue
      const chain = this.#chains.rows + id
      if (doc === undefined) gone.push(chain)
      else put.push({ chain, n: 0, value: doc.text })
      for (const index of new Set([...Object.keys(old?.keys ?? {}), ...Object.keys(doc?.keys ?? {})])) {
        const prefix = this.#chains.index(index)
        const [oldKeys, newKeys] = [old?.keys[index] ?? [], doc?.keys[index] ?? []]
        for (const key of oldKeys) if (!newKeys.includes(key)) gone.push(prefix + key + id)
        for (const key of newKeys) if (!oldKeys.includes(key)) put.push({ chain: prefix + key + id, n: 0, value: id })
      }
    }
    for (const id of this.#known.keys()) {
      if (this.#known.size <= rememberedMax) break
      this.#known.delete(id)
    }
    return { put, delete: gone.map((chain) => ({ chain, from: 0, to: 0 })) }
  }
}

function problemOf(error: unknown): RowsProblem {
  if (error instanceof Poison) return error.problem
  throw error
}
