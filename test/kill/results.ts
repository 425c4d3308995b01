// What the long runs saw, for the table of docs/reference/reliability.md: one file for each run, in .build/reliability/.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../.build/reliability/', import.meta.url))

/** Kills of one kind, at one activity. */
export interface KillResult {
  readonly kind: 'kill'
  readonly fault: string
  readonly activity: string
  readonly engine: string
  readonly durability: string
  readonly rounds: number
  /** Rounds that met an open transaction, or a request under way. */
  readonly inside: number
  readonly acknowledged: number
  readonly lost: number
  readonly halfCommits: number
  /** Rounds after which it opened again by itself. */
  readonly openedAgain: number
  /** Databases that the browser itself has thrown away: decision 014. */
  readonly thrownAway?: number
}
/** Inputs of one decoder. */
export interface FuzzResult {
  readonly kind: 'fuzz'
  readonly decoder: string
  readonly inputs: number
  /** Inputs that came past the outer guard. */
  readonly passed: number
  readonly seed: number
  readonly crashes: number
  readonly hangs: number
}

export function writeResults(name: string, results: readonly (KillResult | FuzzResult)[]): void {
  const file = join(folder, `${name.replace(/[^\w-]+/g, '-')}.json`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), results }, null, 2)}\n`)
}
