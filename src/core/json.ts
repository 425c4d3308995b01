import { dataDepthMax } from './limits.ts'
import type { Issue } from './outcome.ts'

/**
 * Finds what JSON text would lose or change without a word: functions, symbols, bigint, NaN, cycles, `undefined` in an
 * array, dates, maps and class instances. A property that is `undefined` is left out, as JSON does.
 */
export function jsonIssues(value: unknown, path: string): readonly Issue[] {
  const issues: Issue[] = []
  try {
    walk(value, path, 0, [], issues)
  } catch (error) {
    issues.push({ path, message: `can't be read: ${error instanceof Error ? error.message : String(error)}` })
  }
  return issues
}

function walk(value: unknown, path: string, depth: number, parents: object[], issues: Issue[]): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) issues.push({ path, message: `${value} is no JSON number` })
    return
  }
  if (typeof value !== 'object') {
    issues.push({ path, message: `${typeof value} is not JSON` })
    return
  }
  if (depth >= dataDepthMax) {
    const message = parents.includes(value) ? 'a cycle is not JSON' : `nested deeper than ${dataDepthMax}`
    issues.push({ path, message })
    return
  }
  if (Array.isArray(value)) {
    if (parents.includes(value)) {
      issues.push({ path, message: 'a cycle is not JSON' })
      return
    }
    parents.push(value)
    for (let i = 0; i < value.length; i++) walk(value[i], `${path}[${i}]`, depth + 1, parents, issues)
    parents.pop()
    return
  }
  walkObject(value, path, depth, parents, issues)
}

function walkObject(value: object, path: string, depth: number, parents: object[], issues: Issue[]): void {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    issues.push({ path, message: `${value.constructor?.name ?? 'an object with a prototype'} is not plain data` })
    return
  }
  if (parents.includes(value)) {
    issues.push({ path, message: 'a cycle is not JSON' })
    return
  }
  parents.push(value)
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) walk(member, `${path}.${key}`, depth + 1, parents, issues)
  }
  parents.pop()
}

/** UTF-8 bytes of a text, counted only when the cheap upper bound does not decide. */
export function fitsBytes(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return true
  if (text.length > bytesMax) return false
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) bytes += 1
    else if (unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff)) bytes += 2
    else bytes += 3
  }
  return bytes <= bytesMax
}
