/** Where a message of a log ends, and its sequence. */
export interface Mark {
  readonly last: number
  readonly seq: number
}
/** Where in streams positions of logs were seen last. Hints: a stream that was restored may be another one. */
export interface Marks {
  readonly add: (log: string, mark: Mark) => void
  /** The nearest one that ends at the position or before. */
  readonly before: (log: string, position: number) => Mark | undefined
  readonly forget: (log: string) => void
}

const logsMax = 1_000
const marksMax = 64

export function createMarks(): Marks {
  const logs = new Map<string, Mark[]>()
  return {
    add(log, mark) {
      const marks = logs.get(log) ?? []
      // Those of logs that are read stay.
      logs.delete(log)
      logs.set(log, marks)
      for (const oldest of logs.size > logsMax ? logs.keys() : []) {
        logs.delete(oldest)
        break
      }
      const at = placeIn(marks, mark.last)
      if (marks[at - 1]?.last === mark.last) marks[at - 1] = mark
      else marks.splice(at, 0, mark)
      // Half of them, spread as before.
      if (marks.length > marksMax)
        logs.set(
          log,
          marks.filter((_, nth) => nth % 2 === 1),
        )
    },
    before: (log, position) => {
      const marks = logs.get(log) ?? []
      return marks[placeIn(marks, position) - 1]
    },
    forget: (log) => logs.delete(log),
  }
}

/** Index of the first mark that ends behind the position. */
function placeIn(marks: readonly Mark[], position: number): number {
  let low = 0
  let high = marks.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((marks[middle]?.last ?? 0) <= position) low = middle + 1
    else high = middle
  }
  return low
}
