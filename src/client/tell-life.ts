import type { PageLife } from '../core/ports.ts'
import { watchPageLife } from '../platform/page-life.ts'
import type { Call } from './connection.ts'

/** Tells the worker how its page lives, with each change and whenever `again` is called; `stop` ends it. */
export function tellLife(call: Call): { readonly again: () => void; readonly stop: () => void } {
  let life: PageLife = 'visible'
  const again = (): void => void call((api) => api.setPageLife(life)).catch(() => {})
  const stop = watchPageLife((now) => {
    life = now
    again()
  })
  return { again, stop }
}
