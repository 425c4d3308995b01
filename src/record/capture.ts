import { isRecord } from '../core/guard.ts'
import { jsonIssues } from '../core/json.ts'
import { type Invalid, type Issue, issuesToText } from '../core/outcome.ts'
import type { AnyFact } from '../core/prepare.ts'
import { failureOf } from './failure.ts'
import type { RejectReason } from './types.ts'

export type Captured = { readonly fact: AnyFact } | { readonly reason: RejectReason }

/** Makes an event of whatever was given, with data of its own; nothing when an object says that it is none. Never throws. */
export function capture(given: unknown): Captured | undefined {
  try {
    if (!isRecordable(given)) return copyOf(given)
    const made = given.toEvent()
    return made === undefined ? undefined : copyOf(made)
  } catch (error) {
    return { reason: failureOf(error) }
  }
}

const isRecordable = (given: unknown): given is { toEvent(): unknown } =>
  isRecord(given) && typeof given.toEvent === 'function'

function copyOf(given: unknown): Captured {
  if (!isRecord(given)) return invalid([{ path: '', message: 'not an event' }])
  const { type, data } = given
  if (typeof type !== 'string') return invalid([{ path: '.type', message: 'not a text' }])
  const issues = jsonIssues(data)
  if (issues.length > 0) return invalid(issues.map(({ path, message }) => ({ path: `.data${path}`, message })))
  // What the caller does to its data later must not show.
  return { fact: { type, data: JSON.parse(JSON.stringify(data)) } }
}

/** Paths are those that the log gives to the only event of an append. */
function invalid(found: readonly Issue[]): { readonly reason: Invalid } {
  const issues = found.map(({ path, message }) => ({ path: `events[0]${path}`, message }))
  return { reason: { type: 'Invalid', issues, message: issuesToText(issues) } }
}
