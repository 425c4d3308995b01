/** What `{}`, a class or an object without a prototype makes; nothing that hides its content. */
export const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** The names of what an object has; `undefined` is as good as absent, as in JSON. */
export const keysOf = (value: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.keys(value).filter((key) => value[key] !== undefined)

/** Whether two values hold the same, all the way down. */
export function same(a: unknown, b: unknown, parents: readonly (readonly [a: unknown, b: unknown])[] = []): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (!isPlain(a) && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  // A cycle is the same when it was up to here.
  if (parents.some(([one, other]) => one === a && other === b)) return true
  const below = (one: unknown, other: unknown): boolean => same(one, other, [...parents, [a, b]])
  if (a instanceof Date) return `${a.getTime()}` === `${(b as Date).getTime()}`
  if (a instanceof Map) return sameEntries(a, b as typeof a, below)
  if (a instanceof Set) return below([...a], [...(b as typeof a)])
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((member, at) => below(member, b[at]))
  const [here, there] = [a, b] as Readonly<Record<string, unknown>>[]
  if (here === undefined || there === undefined || isPlain(here) !== isPlain(there)) return false
  return [...new Set([...keysOf(here), ...keysOf(there)])].every((key) => below(here[key], there[key]))
}

const sameEntries = (
  a: ReadonlyMap<unknown, unknown>,
  b: ReadonlyMap<unknown, unknown>,
  below: (one: unknown, other: unknown) => boolean,
): boolean => a.size === b.size && [...a].every(([key, value]) => b.has(key) && below(value, b.get(key)))
