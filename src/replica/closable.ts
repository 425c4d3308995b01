import type { AnyLog } from '../client/inside.ts'

/** Any log that `openLog` gave. */
export interface ClosableLog extends AnyLog {
  readonly close: () => Promise<void>
}
