import type { BenchEvent } from './corpus.ts'

/** A way to keep events, written in the worker that a {@link Measures} is taken in. */
export interface Writer {
  /** Opens the database, creating it when it is not there. */
  readonly open: (name: string) => Promise<void>
  /** Makes what is written from the corpus, outside the time that is taken; answers how to write one commit. */
  readonly prepare: (commits: readonly (readonly BenchEvent[])[]) => (commit: number) => Promise<unknown>
  /** Reads everything, as objects; answers how many events there are. */
  readonly readAll: () => Promise<number>
  readonly close: () => unknown
}
