/** The first values of a walk that may be long. */
export function firstOf<T>(values: Iterable<T>, max: number): readonly T[] {
  const first: T[] = []
  for (const value of values) {
    if (first.length >= max) break
    first.push(value)
  }
  return first
}
