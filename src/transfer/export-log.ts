import { type AnyLog, insideOf } from '../client/inside.ts'
import type { Observable } from '../core/observable.ts'
import { browserClock } from '../platform/browser.ts'
import { createMeter, type Progress } from './progress.ts'

/** A piece of a log: events that follow each other, as bytes of a file. */
export interface ExportedSegment {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where the next piece begins: an export that was broken off goes on behind it. */
  readonly cursor: number
}
/** An export: the pieces of a log in order. Each iteration begins anew. */
export interface Export extends AsyncIterable<ExportedSegment> {
  readonly progress: Observable<Progress>
}
export interface ExportOptions {
  /** The cursor behind which to begin; the start of the log by default. */
  readonly after?: number
}

/** Exports the confirmed events of a log. Pieces one behind the other in a file, or each in its own, are what `importLog` takes. */
export function exportLog(log: AnyLog, { after = 0 }: ExportOptions = {}): Export {
  const call = insideOf(log).call
  const meter = createMeter(browserClock)
  return {
    progress: meter,
    async *[Symbol.asyncIterator]() {
      for (let cursor = after; ; ) {
        const { file, through, head } = await call((api) => api.exportSegment(cursor))
        if (file === undefined) return
        cursor = through
        meter.reach(through - after, head - after)
        yield { bytes: file, cursor }
      }
    },
  }
}
