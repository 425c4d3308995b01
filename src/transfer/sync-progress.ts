import type { AnyLog } from '../client/inside.ts'
import type { Observable } from '../core/observable.ts'
import { browserClock } from '../platform/browser.ts'
import { createMeter, type Progress } from './progress.ts'

/** How far a log has followed its server, in events: what a first sync shows. `close` ends the watching. */
export function syncProgress(log: AnyLog): Observable<Progress> & { readonly close: () => void } {
  const meter = createMeter(browserClock)
  const look = (): void => {
    const { confirmed, serverHead } = log.sync.get()
    meter.reach(confirmed, Math.max(confirmed, serverHead))
  }
  look()
  return { get: meter.get, subscribe: meter.subscribe, close: log.sync.subscribe(look) }
}
