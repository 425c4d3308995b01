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
    const unfit = unfitOf(node, parents)
    if (unfit !== undefined) report(`${unfit} is not JSON`)
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
    report(`${error}`)
  }
  return issues
}

/** Refuses options that would not arrive as they are. */
export function mustBeJson(options: unknown): void {
  for (const { path, message } of jsonIssues(options)) mustBe(false, `options${path}`, message)
}

/** What a value is that JSON text has nothing for. */
function unfitOf(node: unknown, parents: readonly unknown[]): string | undefined {
  if (node === null || typeof node === 'boolean' || typeof node === 'string' || Number.isFinite(node)) return undefined
  if (typeof node === 'number') return `${node}`
  if (typeof node !== 'object') return typeof node
  if (parents.includes(node)) return 'a cycle'
  if (parents.length >= dataDepthMax) return `depth ${parents.length}`
  // Plain objects of another realm have a prototype that is the end of its chain, too.
  const prototype: unknown = Object.getPrototypeOf(node)
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null || Array.isArray(node)
  return isPlain ? undefined : `${node.constructor?.name}`
}
