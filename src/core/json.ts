import { mustBe } from './errors.ts'
import { dataDepthMax } from './limits.ts'
import type { Issue } from './outcome.ts'

/**
 * Finds what JSON text would lose or change without a word: functions, symbols, bigint, NaN, cycles, `undefined` in an
 * array, dates, maps and class instances. A property that is `undefined` is left out, as JSON does.
 */
export function jsonIssues(value: unknown, path: string): readonly Issue[] {
  const issues: Issue[] = []
  const parents: object[] = []
  const walk = (node: unknown, at: string): void => {
    const problem = problemOf(node, parents)
    if (problem !== undefined) issues.push({ path: at, message: problem })
    else if (typeof node === 'object' && node !== null) {
      parents.push(node)
      if (Array.isArray(node)) for (let i = 0; i < node.length; i++) walk(node[i], `${at}[${i}]`)
      else for (const [key, member] of Object.entries(node)) if (member !== undefined) walk(member, `${at}.${key}`)
      parents.pop()
    }
  }
  try {
    walk(value, path)
  } catch (error) {
    issues.push({ path, message: `can't be read: ${error}` })
  }
  return issues
}

/** Refuses options that would not arrive as they are. */
export function mustBeJson(options: unknown): void {
  const [issue] = jsonIssues(options, 'options')
  if (issue !== undefined) mustBe(false, issue.path, issue.message)
}

function problemOf(node: unknown, parents: readonly object[]): string | undefined {
  if (typeof node === 'number') return Number.isFinite(node) ? undefined : `${node} is not JSON`
  if (node === null || typeof node === 'string' || typeof node === 'boolean') return undefined
  if (typeof node !== 'object') return `${typeof node} is not JSON`
  if (parents.includes(node)) return 'a cycle is not JSON'
  if (parents.length >= dataDepthMax) return `nested deeper than ${dataDepthMax}`
  if (Array.isArray(node)) return undefined
  // Plain objects of another realm have a prototype that is the end of its chain, too.
  const prototype: unknown = Object.getPrototypeOf(node)
  const isPlain = prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
  return isPlain ? undefined : `${node.constructor?.name} is not plain data`
}

/** Whether a text has at most so many UTF-8 bytes; counted only when the cheap bounds do not decide. */
export function fitsBytes(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return true
  return text.length <= bytesMax && new TextEncoder().encode(text).length <= bytesMax
}
