import { toStoreLog } from '../admit.ts'
import type { Values } from './command.ts'

/** The name by which the store knows the log that was named. */
export function nameOfLog(values: Values): string {
  const tenant = values.text('tenant')
  const log = values.mustHave('log')
  return tenant === undefined ? log : toStoreLog(tenant, log)
}
