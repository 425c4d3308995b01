// Inputs that are nearly right: what is valid, with a few places changed. What is wrong all over stops at the first guard, and says
// nothing of what lies behind it.
import fc from 'fast-check'

type Path = readonly string[]

/** All places in a value, as paths. */
const placesIn = (value: unknown, path: Path = []): readonly Path[] =>
  typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
    ? [path, ...Object.entries(value).flatMap(([key, member]) => placesIn(member, [...path, key]))]
    : [path]

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (part, key) =>
      typeof part === 'object' && part !== null ? Object.getOwnPropertyDescriptor(part, key)?.value : undefined,
    value,
  )

/** Stands for a member that is taken away. */
const gone = Symbol('gone')

/** A copy with another member at a place, which may be a new one. */
function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by === gone ? undefined : by
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  // A list knows its own length.
  if (Array.isArray(value) && key === 'length') return value
  const copy: object = Array.isArray(value) ? [...value] : { ...value }
  const member = replacedMember(value, key, rest, by)
  if (member === gone) Reflect.deleteProperty(copy, key)
  // Defined, since `__proto__` is to be a key as any other.
  else Object.defineProperty(copy, key, { value: member, enumerable: true, configurable: true, writable: true })
  return copy
}
const replacedMember = (value: object, key: string, rest: Path, by: unknown): unknown =>
  rest.length === 0 && by === gone ? gone : replaced(Object.getOwnPropertyDescriptor(value, key)?.value, rest, by)

const strange: readonly unknown[] = [
  ...[-1, 0, 1, 2, 0.5, 2 ** 31, 2 ** 53, 1e308, '', ' ', '\u0000', '\ud800', 'a\tb\nc', '0', '-1', '[]', '{"a":1}'],
  ...['__proto__', 'constructor', 'toString', 'x'.repeat(600), '0123456789abcdef', true, false, null, [], {}, [[]]],
  ...[[null], [{}], { length: 3 }, { __proto__: null, x: 1 }],
]
const addedKeys = ['__proto__', 'constructor', 'toJSON', 'then', 'length', 'id', 'kind', 'format', 'first', '0', '']

/** Values close to one that is there. */
function nudged(value: unknown, pick: number): unknown {
  if (typeof value === 'number')
    return [value + 1, value - 1, -value, value + 0.5, value * 1_000, String(value)][pick % 6]
  if (typeof value === 'string') {
    const middle = value.length >> 1
    const cut = [value.slice(0, middle), value + value, value.slice(1), `${value} `, value.toUpperCase()]
    return [...cut, `${value.slice(0, middle)}\u0000${value.slice(middle)}`][pick % 6]
  }
  if (Array.isArray(value)) {
    // A list that was changed before may have a constructor of its own.
    const list: unknown[] = [...value]
    return [list.toReversed(), list.slice(1), [...list, list[0]], { ...list }][pick % 4]
  }
  if (typeof value === 'object' && value !== null) return [Object.values(value), Object.keys(value).join()][pick % 2]
  return [!value, `${typeof value}`][pick % 2]
}

type Change = readonly [kind: 'nudge' | 'strange' | 'swap' | 'drop' | 'add', place: Path, other: Path, pick: number]

function changed(whole: unknown, [kind, place, other, pick]: Change): unknown {
  switch (kind) {
    case 'nudge':
      return replaced(whole, place, nudged(at(whole, place), pick))
    case 'strange':
      return replaced(whole, place, strange[pick % strange.length])
    case 'swap':
      return replaced(whole, place, at(whole, other))
    case 'drop':
      return replaced(whole, place, gone)
    case 'add':
      return replaced(whole, [...place, addedKeys[pick % addedKeys.length] ?? ''], strange[pick % strange.length])
  }
}

/** The value with one to three of its places changed, swapped, taken away or added. */
export function mutated(value: unknown): fc.Arbitrary<unknown> {
  const places = placesIn(value)
  const change: fc.Arbitrary<Change> = fc.tuple(
    fc.constantFrom('nudge', 'nudge', 'strange', 'swap', 'drop', 'add'),
    fc.constantFrom(...places),
    fc.constantFrom(...places),
    fc.nat(999),
  )
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => changes.reduce(changed, value))
}

const scraps = [
  '',
  ',',
  '"',
  '{',
  '}',
  '[',
  ']',
  '\n',
  '\t',
  '0',
  '-',
  'null',
  '9'.repeat(30),
  '\\u',
  '\ud800',
  '\u0000',
]

/** A text that is cut, or has a scrap in it or in the place of some of its characters. */
export const mutatedText = (text: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.nat(Math.max(0, text.length - 1)), fc.nat(20), fc.constantFrom(...scraps), fc.nat(9))
    .map(([from, dropped, scrap, how]) =>
      how === 0 ? text.slice(0, from) : text.slice(0, from) + scrap + text.slice(from + dropped),
    )

/** JSON text of the value with changes, or the text itself with some. */
export const mutatedJson = (text: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: mutated(JSON.parse(text)).map((value) => JSON.stringify(value) ?? '') },
    { weight: 1, arbitrary: mutatedText(text) },
  )

/** Bytes of which some are changed, taken away or added. */
export const mutatedBytes = (bytes: Uint8Array): fc.Arbitrary<Uint8Array<ArrayBuffer>> =>
  fc
    .array(fc.tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.nat(4), fc.uint8Array({ maxLength: 4 })), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) =>
      changes.reduce<Uint8Array<ArrayBuffer>>(
        (all, [from, dropped, added]) =>
          new Uint8Array([...all.subarray(0, from), ...added, ...all.subarray(from + dropped)]),
        new Uint8Array(bytes),
      ),
    )

/** The same, of which half are of a kind that comes past a guard: few of those that are changed at random do. */
export const nearly = (text: string, isSound: (value: unknown) => boolean): fc.Arbitrary<string> => {
  const isPassed = (changed: string): boolean => {
    try {
      return isSound(JSON.parse(changed))
    } catch {
      return false
    }
  }
  return fc.oneof(mutatedJson(text), mutatedJson(text).filter(isPassed))
}
