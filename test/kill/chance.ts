/** What is random in a run comes from here: `TIDELOG_SEED` makes the same choices again, though not the same instants. */
export const seed: number = Number(process.env.TIDELOG_SEED ?? Math.floor(Math.random() * 2 ** 31))
let state = seed

/** From 0 up to 1. */
export function fraction(): number {
  state = (state + 0x6d_2b_79_f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

/** A whole number from `least` to `most`. */
export const between = (least: number, most: number): number => least + Math.floor(fraction() * (most - least + 1))

export const pick = <T>(...choices: readonly T[]): T => choices[between(0, choices.length - 1)]!

/** Passes so many milliseconds, to a fraction of one: a bare timer would always fire at the same places. */
export async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms
  if (ms > 2) await new Promise((resolve) => setTimeout(resolve, ms - 2))
  while (performance.now() < end) await new Promise<void>((resolve) => setImmediate(resolve))
}
