/** A whole number from `least` to `most`. */
export const between = (least: number, most: number): number => least + Math.floor(Math.random() * (most - least + 1))

export const pick = <T>(...choices: readonly T[]): T => choices[between(0, choices.length - 1)]!

/** Passes so many milliseconds, to a fraction of one: a bare timer would always fire at the same places. */
export async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms
  if (ms > 2) await new Promise((resolve) => setTimeout(resolve, ms - 2))
  while (performance.now() < end) await new Promise<void>((resolve) => setImmediate(resolve))
}
