import type { AnyReadModel } from '../core/read-model.ts'
import { rowsAtChain, rowsInChain } from '../protocol/rows.ts'
import type { KeptAsk, KeptRow } from '../protocol/worker.ts'
import { behind } from './rows-keys.ts'

/** Why the rows of a model are not brought up to date any more: an event that they can't take. */
export interface RowsProblem {
  readonly message: string
  readonly eventId: string
  readonly position: number
}
/** Where one build of the rows stands. Rows of generation 0 are none, at position 0. */
export interface Standing {
  readonly generation: number
  readonly position: number
}
/**
 * How far the rows of a version are. Each change adds the next key of its chain, in one transaction with the rows, so
 * that of two writers one is told; the last one counts.
 */
export interface RowsCheckpoint extends Standing {
  readonly version: number
  /** Whose rows: it tells who comes first in a row of changes. */
  readonly writer: string
  /** The next generation, built beside the one that is shown. */
  readonly building?: Standing
  /** The highest generation that was ever begun. */
  readonly last: number
  readonly problem?: RowsProblem
  /** The removal of data that these rows have seen. */
  readonly erasedAt: number
}
/** A checkpoint and its key. */
export interface KeptCheckpoint {
  readonly n: number
  readonly at: RowsCheckpoint
}

/** Before the first one. */
export const noRows = (version: number): KeptCheckpoint => ({
  n: 0,
  at: { version, writer: '', generation: 0, position: 0, last: 0, erasedAt: 0 },
})

/** Where the rows of a model rest. Another set of indexes is another build, as another version is. */
export interface Layout {
  /** Of the checkpoints of all builds of the model. */
  readonly builds: string
  /** Of this one's. */
  readonly checkpoint: string
  readonly lock: string
  readonly version: number
}

export function layoutOf({ name, version, indexes = {} }: AnyReadModel): Layout {
  const build = [version, ...Object.keys(indexes).sort().map(encodeURIComponent)].join('~')
  return layoutAt(encodeURIComponent(name), build)
}

const layoutAt = (name: string, build: string): Layout => ({
  builds: `${rowsAtChain}${name}/`,
  checkpoint: `${rowsAtChain}${name}/${build}/`,
  lock: `rows/${name}/${build}`,
  version: Number.parseInt(build, 10),
})

/** The build that a chain of checkpoints is of. */
export function layoutOfChain(chain: string): Layout {
  const [, , name = '', build = ''] = chain.split('/')
  return layoutAt(name, build)
}

/** The chains of one generation: rows by id, and the ids of rows by the keys of an index. */
export interface GenerationChains {
  readonly all: string
  readonly rows: string
  readonly index: (name: string) => string
}
export function chainsOf({ checkpoint }: Layout, generation: number): GenerationChains {
  const all = `${rowsInChain}${checkpoint.slice(rowsAtChain.length)}${String(generation).padStart(9, '0')}/`
  return { all, rows: `${all}r/`, index: (name) => `${all}i/${encodeURIComponent(name)}/` }
}

/** Everything in chains that begin so. */
export const askAll = (prefix: string): KeptAsk => ({ chain: prefix, until: behind(prefix) })

/** The checkpoint from a key on. */
export const askCheckpoint = ({ checkpoint }: Layout, n = 0): KeptAsk => ({ chain: checkpoint, n })

/** The last one of a chain. */
export function lastCheckpoint(rows: readonly KeptRow[]): KeptCheckpoint | undefined {
  const last = rows.at(-1)
  return last && { n: last.n, at: last.value as RowsCheckpoint }
}
