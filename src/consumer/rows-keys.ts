import { isText, isWellFormed } from '../core/guard.ts'
import type { IndexKey } from '../core/read-model.ts'

/** Characters of a row's id, and of a key as it is kept. */
const idMax = 512
const keyTextMax = 2_000

// A key as text that sorts as the key does: a sign of its kind, then what it holds. Nothing in it can pass for an end.
//
// false 10 · true 11 · number 2 and 16 digits · text 3…\0 · tuple 4, its elements, \0
const end = '\u0000'

/** What can name a row: well-formed text of 1 to 512 characters. */
export const isRowId = (id: unknown): id is string => isText(id, idMax) && isWellFormed(id)

/** The text of a key; nothing for what can't be a key. */
export function keyToText(key: unknown): string | undefined {
  const text = Array.isArray(key) ? tupleToText(key, end) : atomToText(key)
  return text !== undefined && text.length <= keyTextMax ? text : undefined
}

/** What the texts of all keys begin with that begin so: texts with these characters, tuples with these elements. */
export function prefixToText(prefix: unknown): string | undefined {
  if (Array.isArray(prefix)) return tupleToText(prefix, '')
  return typeof prefix === 'string' ? atomToText(prefix)?.slice(0, -end.length) : undefined
}

/** The first text behind all that begin so. */
export function behind(prefix: string): string {
  let { length } = prefix
  while (length > 1 && prefix.charCodeAt(length - 1) === 0xffff) length--
  return prefix.slice(0, length - 1) + String.fromCharCode(prefix.charCodeAt(length - 1) + 1)
}

function tupleToText(elements: readonly unknown[], close: string): string | undefined {
  let text = '4'
  // By number, since a hole has to be seen.
  for (let at = 0; at < elements.length; at++) {
    const part = atomToText(elements[at])
    if (part === undefined) return undefined
    text += part
  }
  return text + close
}

function atomToText(value: unknown): string | undefined {
  if (typeof value === 'boolean') return value ? '11' : '10'
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : `2${numberToText(value)}`
  if (typeof value !== 'string' || !isWellFormed(value)) return undefined
  const escaped = value.replaceAll('\u0001', '\u0001\u0002').replaceAll(end, '\u0001\u0001')
  return `3${escaped}${end}`
}

const bits = new DataView(new ArrayBuffer(8))

/** 16 hexadecimal digits that sort as numbers do. */
function numberToText(value: number): string {
  // Both zeros are one key.
  bits.setFloat64(0, value + 0)
  const high = bits.getUint32(0)
  const low = bits.getUint32(4)
  const isNegative = high >= 0x8000_0000
  return isNegative ? hex(~high >>> 0) + hex(~low >>> 0) : hex((high | 0x8000_0000) >>> 0) + hex(low)
}

const hex = (word: number): string => word.toString(16).padStart(8, '0')

/** Whether a value can be a key of an index. */
export const isIndexKey = (key: unknown): key is IndexKey => keyToText(key) !== undefined
