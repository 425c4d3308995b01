import type { Append, Appended, SqlCommits } from './sql-commits.ts'

/** Appends that wait for their transaction. */
export interface AppendGroup {
  readonly append: (append: Append) => Promise<Appended>
  /** Writes what waits now. */
  readonly flush: () => void
}

interface Waiting {
  readonly append: Append
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

/**
 * Appends that come in one turn of the event loop are one transaction: what takes its time is the disk, and it takes the same for
 * all of them.
 */
export function createAppendGroup({ append, appendAll }: SqlCommits): AppendGroup {
  let waiting: Waiting[] = []
  const alone = ({ append: one, resolve, reject }: Waiting): void => {
    try {
      resolve(append(one))
    } catch (error) {
      reject(error)
    }
  }
  const flush = (): void => {
    const group = waiting
    waiting = []
    const together = group.length > 1 ? attempt(() => appendAll(group.map((one) => one.append))) : undefined
    // Alone each hears of its own fault, and not of another's.
    if (together === undefined) group.forEach(alone)
    else group.forEach(({ resolve }, nth) => resolve(together[nth] as Appended))
  }
  return {
    append: (append) =>
      new Promise((resolve, reject) => {
        if (waiting.push({ append, resolve, reject }) === 1) setImmediate(flush)
      }),
    flush,
  }
}

/** `undefined` where it throws: then nothing was written. */
function attempt(write: () => readonly Appended[]): readonly Appended[] | undefined {
  try {
    return write()
  } catch {
    return undefined
  }
}
