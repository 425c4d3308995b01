import { dataDepthMax } from '../src/core/limits.ts'

/** Characters of a path in a problem: what is wrong may lie behind keys of any length. */
const pathMax = 200

/**
 * The first thing in parsed JSON that no event data may hold: a number beyond all bounds, such as `1e999`, or more
 * nesting than readers can take. Stops there, since a list of all that is wrong could be far larger than the request.
 */
export function dataProblem(data: unknown): string | undefined {
  const keys: (string | number)[] = []
  const walk = (node: unknown): string | undefined => {
    if (typeof node === 'number' && !Number.isFinite(node)) return `${node} is not JSON`
    if (typeof node !== 'object' || node === null) return undefined
    if (keys.length >= dataDepthMax) return `nested deeper than ${dataDepthMax}`
    // Not by entries: a list of a million numbers would become a million pairs first.
    if (Array.isArray(node)) {
      for (let at = 0; at < node.length; at++) {
        const problem = below(at, node[at])
        if (problem !== undefined) return problem
      }
      return undefined
    }
    for (const key of Object.keys(node)) {
      const problem = below(key, node[key as keyof typeof node])
      if (problem !== undefined) return problem
    }
    return undefined
  }
  const below = (key: string | number, member: unknown): string | undefined => {
    // Most members are neither: what is sure needs no further look.
    if (member === null || (typeof member !== 'object' && typeof member !== 'number')) return undefined
    keys.push(key)
    const problem = walk(member)
    if (problem === undefined) keys.pop()
    return problem
  }
  const problem = walk(data)
  if (problem === undefined) return undefined
  const path = keys.map((key) => `.${key}`).join('')
  return `${path.slice(0, pathMax)}: ${problem}`
}
