/** The longest wait after the n-th failure in a row (from 1): doubles with each. Whoever waits draws the jitter below it. */
export const longestWaitMs = (failures: number, firstMs: number, mostMs: number): number =>
  Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30))
