import { mustBe } from '../core/errors.ts'
import type { KeptChanges, KeptRow } from '../protocol/worker.ts'
import type { ConsumerPorts } from './ports.ts'
import type { CheckpointStore } from './types.ts'

/** Keys of one generation; positions fit in. A reset begins the next one, so that keys only ever rise. */
const generationSize = 2 ** 40

/** The rows of a checkpoint, and what they make obsolete. */
type OwnChanges = { readonly [K in 'put' | 'delete']: NonNullable<KeptChanges[K]> }

/** What handlers keep, by key; nothing takes a key away. */
export type StateChanges = ReadonlyMap<string, unknown>

/** The checkpoint of one consumer, or of one shard of it. */
export interface Checkpoints {
  /** Position behind which to go on; nothing when the consumer never ran. */
  readonly load: () => Promise<number | undefined>
  /** Keeps where a consumer begins that never ran, for all of its shards. */
  readonly begin: (position: number) => Promise<void>
  /** Moves it forward, with further rows and state in the same transaction. */
  readonly save: (position: number, beside?: KeptChanges, state?: StateChanges) => Promise<void>
  /** The rows that move it to a position, for a transaction of somebody else; `note` when that is kept. */
  readonly changesFor: (position: number) => KeptChanges
  readonly note: (position: number, changes: KeptChanges) => void
  /** What a handler kept under a key; nothing from before a reset. */
  readonly stateOf: (key: string) => Promise<unknown>
  /** Moves it anywhere. */
  readonly reset: (position: number) => Promise<void>
  readonly flush: () => Promise<void>
}
interface Part {
  readonly index: number
  readonly of: number
}
const whole: Part = { index: 0, of: 1 }

/**
 * Checkpoints in the log's own database. The highest key of a chain counts: a runner that was frozen and comes back can't
 * take it backwards.
 *
 * kept/consumer/mailer/0.1   n = generation and position
 */
export class LogCheckpoints implements Checkpoints {
  readonly #call: ConsumerPorts['call']
  readonly #name: string
  readonly #part: Part
  readonly #prefix: string
  #generation = 0
  #base = 0
  #saved = -1
  /** The key of the last row of each chain that this runner has kept. */
  readonly #keptAt = new Map<string, number>()

  constructor({ call }: Pick<ConsumerPorts, 'call'>, name: string, part: Part = whole) {
    this.#call = call
    this.#name = name
    this.#part = part
    this.#prefix = `consumer/${encodeURIComponent(name)}/`
  }

  async load(): Promise<number | undefined> {
    const { index, of } = this.#part
    const rows = (await this.#call((api) => api.listKept(this.#prefix))).map((row) => toSaved(row, this.#prefix))
    this.#generation = Math.max(0, ...rows.map((row) => row.generation))
    const current = rows.filter((row) => row.generation === this.#generation)
    const sets = [...new Set(current.map((row) => row.of))].filter((other) => other !== of)
    const own = current.filter((row) => row.of === of)
    const mine = own.filter((row) => row.index === index).map(({ position }) => position)
    // What another split of the same consumer has handled as a whole is handled.
    const positions = [...sets.map((other) => handledBy(current, other)), ...mine]
    const found = positions.length > 0 ? Math.max(...positions) : own[0]?.base
    this.#base = own[0]?.base ?? found ?? 0
    this.#saved = mine.length > 0 ? Math.max(...mine) : -1
    return found
  }

  changesFor(position: number, state: StateChanges = new Map()): OwnChanges {
    const { index, of } = this.#part
    const n = this.#generation * generationSize + position
    const own = { chain: `${this.#prefix}${index}.${of}`, n, value: { base: this.#base } }
    const stateRows = [...state].map(([key, value]) => ({ chain: this.#stateChain(key), n, value: { value } }))
    const rows: readonly KeptRow[] = [own, ...stateRows]
    // Only what may be there: to look over what was deleted before costs more with every save.
    const older = rows.flatMap(({ chain }) => {
      const from = this.#keptAt.get(chain) ?? 0
      return from < n ? { chain, from, to: n - 1 } : []
    })
    return { put: rows, delete: older }
  }

  note(position: number, { put = [] }: KeptChanges): void {
    for (const { chain, n } of put) this.#keptAt.set(chain, n)
    this.#saved = position
  }

  async begin(position: number): Promise<void> {
    this.#base = position
    await this.#keep(position)
  }

  async save(position: number, beside?: KeptChanges, state?: StateChanges): Promise<void> {
    if (position > this.#saved || beside !== undefined) await this.#keep(Math.max(position, this.#saved), beside, state)
  }

  async #keep(
    position: number,
    { put = [], delete: gone = [] }: KeptChanges = {},
    state?: StateChanges,
  ): Promise<void> {
    const own = this.changesFor(position, state)
    await this.#call((api) => api.keep({ put: [...put, ...own.put], delete: [...gone, ...own.delete] }))
    this.note(position, own)
  }

  async stateOf(key: string): Promise<unknown> {
    const rows = await this.#call((api) => api.listKept(this.#stateChain(key)))
    const last = rows.at(-1)
    const isOld = last === undefined || last.n < this.#generation * generationSize
    return isOld ? undefined : (last.value as { readonly value: unknown }).value
  }

  #stateChain(key: string): string {
    const { index, of } = this.#part
    return `state/${encodeURIComponent(this.#name)}/${index}.${of}/${encodeURIComponent(key)}/`
  }

  async reset(position: number): Promise<void> {
    await this.load()
    this.#generation++
    this.#base = position
    await this.#keep(position)
  }

  async flush(): Promise<void> {}
}

/** Checkpoints that are kept elsewhere. */
export function storedCheckpoints(
  { call }: Pick<ConsumerPorts, 'call'>,
  store: CheckpointStore,
  consumer: string,
): Checkpoints {
  let saved = -1
  return {
    load: async () => {
      const position = await store.get(consumer)
      saved = position ?? -1
      return position
    },
    begin: async (position) => {
      await store.set(consumer, position)
      saved = position
    },
    save: async (position, beside) => {
      if (beside !== undefined) await call((api) => api.keep(beside))
      if (position <= saved) return
      await store.set(consumer, position)
      saved = position
    },
    reset: async (position) => {
      await store.set(consumer, position)
      saved = position
    },
    changesFor: () => ({}),
    note: () => {},
    stateOf: async () => mustBe(false, 'state', 'kept apart from the checkpoint'),
    flush: async () => store.flush?.(consumer),
  }
}

/** The checkpoint of a consumer that no tab is running, in the log's own database. */
export interface Checkpoint {
  readonly get: () => Promise<number | undefined>
  /** Moves it forward; rejects with `tidelog/argument` for a position before it. */
  readonly set: (position: number) => Promise<void>
  /** Moves it anywhere. */
  readonly reset: (position: number) => Promise<void>
  /** What its handlers keep under a key. */
  readonly state: (key: string) => Promise<unknown>
}

export function checkpointOver(ports: Pick<ConsumerPorts, 'call'>, name: string): Checkpoint {
  const checkpoints = new LogCheckpoints(ports, name)
  return {
    get: () => checkpoints.load(),
    state: async (key) => {
      await checkpoints.load()
      return checkpoints.stateOf(key)
    },
    set: async (position) => {
      const present = (await checkpoints.load()) ?? 0
      mustBe(Number.isSafeInteger(position) && position >= present, 'a checkpoint', `${position}, behind ${present}`)
      await checkpoints.save(position)
    },
    reset: async (position) => {
      mustBe(Number.isSafeInteger(position) && position >= 0, 'a checkpoint', position)
      await checkpoints.reset(position)
    },
  }
}

interface Saved extends Part {
  readonly generation: number
  readonly position: number
  /** Where its set of shards began. */
  readonly base: number
}

function toSaved({ chain, n, value }: KeptRow, prefix: string): Saved {
  const [index = 0, of = 1] = chain.slice(prefix.length).split('.').map(Number)
  const { base } = value as { readonly base: number }
  return { index, of, base, generation: Math.floor(n / generationSize), position: n % generationSize }
}

/** The position up to which all shards of a set have handled what falls to them. */
function handledBy(rows: readonly Saved[], of: number): number {
  const set = rows.filter((row) => row.of === of)
  const bases = set.map(({ base }) => base)
  const each = Array.from({ length: of }, (_, index) =>
    Math.max(...bases, ...set.filter((row) => row.index === index).map(({ position }) => position)),
  )
  return Math.min(...each)
}
