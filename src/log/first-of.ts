/** The first values of a walk that may be long. */
export function firstOf<T>(values: Iterable<T>, max: number): readonly T[] {
  const first: T[] = []
  for (const value of values) {
    if (first.length >= max) break
    first.push(value)
  }
  return first
}

/** The same of what comes by and by. */
export async function firstOfAll<T>(values: AsyncIterable<T>, max: number): Promise<readonly T[]> {
  const found: T[] = []
  for await (const value of values) if (found.push(value) >= max) break
  return found
}
