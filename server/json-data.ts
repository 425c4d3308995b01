import { dataDepthMax } from '../src/core/limits.ts'

/** Characters of a path in a problem: what is wrong may lie behind keys of any length. */
const pathMax = 200

/**
 * The first thing in parsed JSON that no event data may hold: a number beyond all bounds, such as `1e999`, or more
 * nesting than readers can take. Stops there, since a list of all that is wrong could be far larger than the request.
 */
export function dataProblem(data: unknown): string | undefined {
  const keys: string[] = []
  const walk = (node: unknown): string | undefined => {
    if (typeof node === 'number' && !Number.isFinite(node)) return `${node} is not JSON`
    if (typeof node !== 'object' || node === null) return undefined
    if (keys.length >= dataDepthMax) return `nested deeper than ${dataDepthMax}`
    for (const [key, member] of Object.entries(node)) {
      keys.push(key)
      const problem = walk(member)
      if (problem !== undefined) return problem
      keys.pop()
    }
    return undefined
  }
  const problem = walk(data)
  if (problem === undefined) return undefined
  const path = keys.map((key) => `.${key}`).join('')
  return `${path.slice(0, pathMax)}: ${problem}`
}
