import { isPlain, keysOf } from '../core/same.ts'

/** A value that fits is written on one line. */
const columnsMax = 90

/** A value as lines of text, as it would be written in code. */
export const show = (value: unknown): string => write(value, '', [])

function write(value: unknown, indent: string, parents: readonly unknown[]): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return `[function ${value.name}]`
  if (typeof value !== 'object' || value === null) return String(value)
  if (parents.includes(value)) return '[cycle]'
  if (value instanceof Date) return `Date(${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()})`
  if (value instanceof Error) return `${value}`
  const isList = Array.isArray(value)
  const member = (one: unknown): string => write(one, `${indent}  `, [...parents, value])
  const members = membersOf(value, member)
  const [open, close] = isList ? ['[', ']'] : ['{', '}']
  const title = isList || isPlain(value) ? '' : `${value.constructor?.name} `
  if (members.length === 0) return `${title}${open}${close}`
  const gap = isList ? '' : ' '
  const line = `${title}${open}${gap}${members.join(', ')}${gap}${close}`
  if (line.length + indent.length <= columnsMax && !line.includes('\n')) return line
  return `${title}${open}\n${members.map((one) => `${indent}  ${one},\n`).join('')}${indent}${close}`
}

function membersOf(value: object, show: (member: unknown) => string): readonly string[] {
  if (Array.isArray(value) || value instanceof Set) return [...value].map(show)
  if (value instanceof Map) return [...value].map(([key, one]) => `${show(key)} => ${show(one)}`)
  const record = value as Readonly<Record<string, unknown>>
  return keysOf(record).map((key) => `${nameOf(key)}: ${show(record[key])}`)
}

/** A key as it is written in code. */
export const nameOf = (key: string): string => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key))
