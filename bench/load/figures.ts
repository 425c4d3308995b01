/** The value below which a share `p` of them lie; they are sorted in place. */
export function quantile(values: number[], p: number): number {
  values.sort((a, b) => a - b)
  return values[Math.min(values.length - 1, Math.floor(values.length * p))] ?? Number.NaN
}
export const median = (values: readonly number[]): number => quantile([...values], 0.5)
export const round = (value: number, digits = 0): number => Number(value.toFixed(digits))

/** Runs work for each, so many at a time. */
export async function inTurns<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) await work(items[next++] as T)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane))
}
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
