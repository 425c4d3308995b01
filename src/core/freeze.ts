import { isPlain } from './same.ts'

/** Freezes objects and lists all the way down: who changes one has the line in the stack. */
export function freeze<T>(value: T): T {
  if (!(Array.isArray(value) || isPlain(value)) || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const member of Object.values(value)) freeze(member)
  return value
}
