import type { Random } from '../core/ports.ts'

/** Random numbers and ids that are the same for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  const word = (): string => next().toString(16).padStart(8, '0')
  return { newId: () => `${word()}-${word()}-${word()}`, fraction: () => next() / 2 ** 32 }
}
