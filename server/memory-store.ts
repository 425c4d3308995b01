import { memorySegments } from './memory-segments.ts'
import { mustFollow, nothing } from './sequence.ts'
import type { LogStore, SequencedCommit } from './store.ts'
import { createWatchers } from './watchers.ts'

interface Row extends SequencedCommit {
  readonly bytes: number
}

/** A store that forgets everything with the process: for tests, the simulator, and a first try. */
export function memoryStore(): LogStore {
  const logs = new Map<string, Row[]>()
  const watchers = createWatchers()
  const encoder = new TextEncoder()
  const rowsOf = (log: string): readonly Row[] => logs.get(log) ?? []
  const headOf = (log: string): number => rowsOf(log).at(-1)?.last ?? 0
  const erased = new Map<string, number>()
  const erasedThrough = (log: string): number => erased.get(log) ?? 0
  const segments = memorySegments(erasedThrough)

  return {
    async append(log, expectedHead, commits) {
      if (headOf(log) !== expectedHead) return { taken: 0, head: headOf(log) }
      mustFollow(commits, expectedHead)
      if (commits.length === 0) return { taken: 0, head: expectedHead }
      const rows = commits.map((commit) => ({ ...commit, bytes: encoder.encode(commit.text).byteLength }))
      logs.set(log, logs.get(log) ?? [])
      for (const row of rows) logs.get(log)?.push(row)
      const head = headOf(log)
      watchers.notify(log, head)
      return { taken: commits.length, head }
    },
    async range(log, after, { commitsMax, bytesMax }) {
      const rows = rowsOf(log)
      const commits: SequencedCommit[] = []
      let bytes = 0
      for (let i = placeAfter(rows, after); i < rows.length && commits.length < commitsMax; i++) {
        const row = rows[i]
        if (row === undefined || (commits.length > 0 && bytes + row.bytes > bytesMax)) break
        bytes += row.bytes
        commits.push(row)
      }
      return { commits, head: headOf(log) }
    },
    async head(log) {
      const last = rowsOf(log).at(-1)
      return last === undefined ? nothing : { position: last.last, digest: last.digest }
    },
    async digestAt(log, position) {
      if (position === 0) return nothing.digest
      const rows = rowsOf(log)
      const row = rows[placeAfter(rows, position) - 1]
      return row?.last === position ? row.digest : undefined
    },
    watch: watchers.add,
    segments,
    erasures: {
      async through(log) {
        return erasedThrough(log)
      },
      async put(log, { through, commits, segments: replaced, sealed }) {
        const rows = [...rowsOf(log)]
        for (const { last, was, text } of commits) {
          const at = placeAfter(rows, last) - 1
          const row = rows[at]
          if (row?.last !== last || row.text !== was) return false
          rows[at] = { ...row, text, bytes: encoder.encode(text).byteLength }
        }
        if (!segments.replace(log, replaced, sealed)) return false
        if (commits.length > 0) logs.set(log, rows)
        erased.set(log, Math.max(through, erasedThrough(log)))
        return true
      },
    },
    async close() {},
  }
}

/** Index of the first row that ends after `position`. */
function placeAfter(rows: readonly Row[], position: number): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((rows[middle]?.last ?? 0) <= position) low = middle + 1
    else high = middle
  }
  return low
}
