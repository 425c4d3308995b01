// Runs a decoder over many inputs, and counts how many came past its outer guard: inputs that all stop there prove nothing.
import fc from 'fast-check'
import { expect } from 'vitest'
import { isTidelogError } from '../../src/core/errors.ts'
import { SyncFailure } from '../../src/sync/failure.ts'
import { writeResults } from '../kill/results.ts'
import { watch } from './watchdog.ts'

/** Inputs of each decoder. The long set asks for 100,000. */
const inputs = Number(process.env.TIDELOG_FUZZ ?? 200)
/** A machine that is busy with all else takes long. */
export const fuzzTimeoutMs: number = 30_000 + 50 * inputs
/** Of all inputs, so many have to come past the outer guard. */
const passedMin = 0.3

/** What `take` does with one input; it answers whether the input came past the outer guard. */
export async function fuzz<T>(
  decoder: string,
  arbitrary: fc.Arbitrary<T>,
  take: (input: T) => boolean | Promise<boolean>,
  seed: number = Number(process.env.TIDELOG_SEED ?? Date.now() % 2 ** 31),
): Promise<void> {
  let passed = 0
  const watching = watch(`${decoder}, seed ${seed}`)
  try {
    const property = fc.asyncProperty(arbitrary, async (input) => {
      watching.beat()
      if (await take(input)) passed++
      expect(Object.keys(Object.prototype)).toEqual([])
    })
    await fc.assert(property, { numRuns: inputs, seed })
  } finally {
    watching.end()
  }
  writeResults(`fuzz-${decoder}`, [{ kind: 'fuzz', decoder, inputs, passed, seed, crashes: 0, hangs: 0 }])
  expect(passed / inputs).toBeGreaterThanOrEqual(passedMin)
}

/** What may be thrown: an error that says what it is. Anything else is a crash. */
export function mustBeTyped(error: unknown): void {
  if (!isTidelogError(error) && !(error instanceof SyncFailure)) throw error
}

/** What a promise gives, or nothing where it rejects with an error that says what it is. */
export async function typed<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    mustBeTyped(error)
    return undefined
  }
}
