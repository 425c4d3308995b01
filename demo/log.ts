import { openLog } from 'tidelog'
import { shop } from './shop.ts'

/** The one log of this page. In a window without storage it lives in memory and the page says so. */
export const log = openLog(shop, {
  requireDurable: false,
  worker: () => new Worker(new URL('./log.worker.ts', import.meta.url), { type: 'module' }),
})
