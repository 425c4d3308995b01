import { mustBe } from './errors.ts'
import { dataDepthMax } from './limits.ts'
import type { Issue } from './outcome.ts'

/**
 * Finds what JSON text would lose or change without a word: functions, symbols, bigint, NaN, cycles, `undefined` in an
 * array, dates, maps and class instances. A property that is `undefined` is left out, as JSON does. Paths follow the
 * value's own, such as `.items.2.price`.
 */
export function jsonIssues(value: unknown): readonly Issue[] {
  const issues: Issue[] = []
  const parents: object[] = []
  // Keys, not paths: this runs over all that is ever appended, and there is hardly ever something to say.
  const keys: string[] = []
  const report = (message: string): void => {
    issues.push({ path: keys.map((key) => `.${key}`).join(''), message })
  }
  const walk = (node: unknown): void => {
    const problem = problemOf(node, parents)
    if (problem !== undefined) report(problem)
    else if (typeof node === 'object' && node !== null) {
      parents.push(node)
      const isList = Array.isArray(node)
      // A copy of a list has `undefined` where the list has holes, which JSON text turns into null.
      const members = isList ? [...node] : node
      for (const key of Object.keys(members)) {
        const member: unknown = members[key as keyof typeof members]
        // Most members are text: what is sure needs no further look.
        if (typeof member === 'string' || (member === undefined && !isList)) continue
        keys.push(key)
        walk(member)
        keys.pop()
      }
      parents.pop()
    }
  }
  try {
    walk(value)
  } catch (error) {
    report(`can't be read: ${error}`)
  }
  return issues
}

/** Refuses options that would not arrive as they are. */
export function mustBeJson(options: unknown): void {
  for (const { path, message } of jsonIssues(options)) mustBe(false, `options${path}`, message)
}

function problemOf(node: unknown, parents: readonly object[]): string | undefined {
  if (typeof node === 'string' || node === null || typeof node === 'boolean') return undefined
  if (typeof node === 'number') return Number.isFinite(node) ? undefined : `${node} is not JSON`
  if (typeof node !== 'object') return `${typeof node} is not JSON`
  if (parents.includes(node)) return 'a cycle is not JSON'
  if (parents.length >= dataDepthMax) return `nested deeper than ${dataDepthMax}`
  if (Array.isArray(node)) return undefined
  // Plain objects of another realm have a prototype that is the end of its chain, too.
  const prototype: unknown = Object.getPrototypeOf(node)
  const isPlain = prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
  return isPlain ? undefined : `${node.constructor?.name} is not plain data`
}
