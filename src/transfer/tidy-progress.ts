import { type AnyLog, insideOf } from '../client/inside.ts'
import type { Observable } from '../core/observable.ts'
import { browserClock } from '../platform/browser.ts'
import { createMeter, type Progress } from './progress.ts'

/** Fewer events than this are not packed yet, however long they lie there. */
const unpackedMax = 2_000
const lookEveryMs = 500

/** How much of a log is packed into segments, in events: what it does in the background. `close` ends the watching. */
export function tidyProgress(log: AnyLog): Observable<Progress> & { readonly close: () => void } {
  const call = insideOf(log).call
  const meter = createMeter(browserClock)
  let isClosed = false
  let callOff = (): void => {}
  const look = async (): Promise<void> => {
    const { head, sealed } = await call((api) => api.heads([]))
    meter.reach(sealed, head.confirmed - sealed < unpackedMax ? sealed : head.confirmed)
    if (!isClosed) callOff = browserClock.after(lookEveryMs, again)
  }
  // It ends with the log.
  const again = (): void => void look().catch(() => {})
  again()
  return {
    get: meter.get,
    subscribe: meter.subscribe,
    close: () => {
      isClosed = true
      callOff()
    },
  }
}
