import { isPlain, keysOf, same } from '../core/same.ts'
import { nameOf, show } from './show.ts'

/** A place where two values differ. What is on one side only is absent on the other. */
interface Difference {
  readonly path: string
  readonly expected?: { readonly value: unknown }
  readonly actual?: { readonly value: unknown }
}

/** Lists up to this product of their lengths are laid beside each other. */
const alignMax = 1_000_000

/** What differs between two values, and nothing else: a place, what was expected there (-) and what is there (+). */
export const showDifferences = (expected: unknown, actual: unknown): string =>
  differences('', expected, actual).map(showOne).join('\n')

function showOne({ path, expected, actual }: Difference): string {
  const side = (sign: string, one: Difference['actual']): string =>
    one === undefined ? '' : `\n${show(one.value).replace(/^/gm, `  ${sign} `)}`
  return `  ${path || 'all of it'}${side('-', expected)}${side('+', actual)}`
}

function differences(path: string, expected: unknown, actual: unknown): readonly Difference[] {
  if (same(expected, actual)) return []
  if (Array.isArray(expected) && Array.isArray(actual)) return inLists(path, expected, actual)
  const whole = [{ path, expected: { value: expected }, actual: { value: actual } }]
  if (!isPlain(expected) || !isPlain(actual)) return whole
  const keys = new Set([...keysOf(expected), ...keysOf(actual)])
  // With nothing in common they are of two kinds.
  if (keys.size === keysOf(expected).length + keysOf(actual).length) return whole
  return [...keys].flatMap((key) => {
    const at = /^\w/.test(nameOf(key)) ? `${path && `${path}.`}${key}` : `${path}[${nameOf(key)}]`
    if (actual[key] === undefined) return [{ path: at, expected: { value: expected[key] } }]
    if (expected[key] === undefined) return [{ path: at, actual: { value: actual[key] } }]
    return differences(at, expected[key], actual[key])
  })
}

/** Members that are the same hold the lists together; what lies between them is compared in pairs where it can be. */
function inLists(path: string, expected: readonly unknown[], actual: readonly unknown[]): readonly Difference[] {
  const found: Difference[] = []
  let [left, right] = [0, 0]
  for (const [here, there] of [...commonOf(expected, actual), [expected.length, actual.length] as const]) {
    for (; left < here || right < there; left++, right++) {
      const at = (index: number): string => `${path}[${index}]`
      const [wanted, got] = [expected[left], actual[right]]
      const isPair = left < here && right < there
      if (isPair && isComparable(wanted, got)) found.push(...differences(at(right), wanted, got))
      else if (isPair && left === right)
        found.push({ path: at(left), expected: { value: wanted }, actual: { value: got } })
      else {
        if (left < here) found.push({ path: at(left), expected: { value: wanted } })
        if (right < there) found.push({ path: at(right), actual: { value: got } })
      }
    }
    left = here + 1
    right = there + 1
  }
  return found
}

/** Events of two types have nothing to do with each other. */
const isComparable = (a: unknown, b: unknown): boolean =>
  Array.isArray(a) ? Array.isArray(b) : isPlain(a) && isPlain(b) && a.type === b.type

/** The longest run of members that both lists have in the same order, as pairs of places. */
function commonOf(a: readonly unknown[], b: readonly unknown[]): readonly (readonly [number, number])[] {
  if (a.length * b.length > alignMax) return []
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1))
  const lengthAt = (i: number, j: number): number => lengths[i]?.[j] ?? 0
  const isPair = a.map((one) => b.map((other) => same(one, other)))
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--) {
      const longest = isPair[i]?.[j] ? lengthAt(i + 1, j + 1) + 1 : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1))
      lengths[i]?.fill(longest, j, j + 1)
    }
  const pairs: [number, number][] = []
  for (let [i, j] = [0, 0]; i < a.length && j < b.length; )
    if (isPair[i]?.[j]) pairs.push([i++, j++])
    else if (lengthAt(i + 1, j) >= lengthAt(i, j + 1)) i++
    else j++
  return pairs
}
