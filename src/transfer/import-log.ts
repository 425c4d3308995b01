import { type AnyLog, insideOf } from '../client/inside.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { Observable } from '../core/observable.ts'
import { browserClock } from '../platform/browser.ts'
import { FileSplitter } from '../segments/file.ts'
import { createMeter, type Progress } from './progress.ts'

/** What an import did. */
export interface Imported {
  readonly commits: number
  readonly events: number
  /** Commits that the log did not take, such as one whose id has other content here. */
  readonly refused: readonly { readonly commitId: string; readonly reason: string }[]
}
export interface Import {
  readonly progress: Observable<Progress>
  /** Rejects with `tidelog/argument` for what is no export, and with `tidelog/storage-lost` where there is no room. What came before stays. */
  readonly finished: Promise<Imported>
}
/** A file, or bytes that come in pieces, cut anywhere. */
export type ImportSource = Blob | Iterable<Uint8Array> | AsyncIterable<Uint8Array>
export interface ImportOptions {
  /** Events in all, where that is known. */
  readonly total?: number
  /** Stops between two pieces. */
  readonly signal?: AbortSignal
}

/**
 * Appends what `exportLog` gave, with ids, times and metadata as they were. A commit that is here already stays as it is, so an
 * import that was broken off is simply made again.
 */
export function importLog(log: AnyLog, source: ImportSource, { total, signal }: ImportOptions = {}): Import {
  const call = insideOf(log).call
  const meter = createMeter(browserClock)
  const run = async (): Promise<Imported> => {
    let [commits, events] = [0, 0]
    const refused: Imported['refused'][number][] = []
    for await (const file of filesOf(source)) {
      signal?.throwIfAborted()
      const answer = await call((api) => api.importSegment(file))
      const isFull = answer.refused.some(({ reason }) => reason === 'StorageFull' || reason === 'StorageUnavailable')
      if (isFull) throw new TidelogError('tidelog/storage-lost', 'there is no room for the rest')
      commits += answer.commits
      events += answer.events
      refused.push(...answer.refused)
      meter.reach(events, total)
    }
    meter.reach(events, events)
    return { commits, events, refused }
  }
  const finished = run()
  // Who only watches the progress need not hear of it twice.
  finished.catch(() => {})
  return { progress: meter, finished }
}

async function* filesOf(source: ImportSource): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const files = new FileSplitter()
  const stream = source instanceof Blob ? source.stream() : source
  // A stream can not be iterated in every engine.
  const pieces = stream instanceof ReadableStream ? piecesOf(stream) : stream
  for await (const piece of pieces) {
    mustBe(piece instanceof Uint8Array, 'bytes of a segment file', piece)
    yield* files.take(piece)
  }
  mustBe(files.isAtEnd, 'a segment file', 'cut short')
}

async function* piecesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    await reader.cancel()
  }
}
