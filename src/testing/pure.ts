import { freeze } from '../core/freeze.ts'
import { same } from '../core/same.ts'
import { showDifferences } from './differences.ts'
import { Mismatch } from './mismatch.ts'

type Handler = (...args: readonly unknown[]) => unknown

/** Calls what has to be pure twice, and fails the test when the answers differ. `what` says whose answers. */
export function callTwice<T>(what: string, use: () => T): T {
  const first = use()
  const second = use()
  if (same(first, second)) return first
  const differing = showDifferences(first, second)
  throw new Mismatch(
    `${what} is not pure: asked twice it gave two answers (- first, + second). Ids, times and random numbers have to come with the command or the event.\n\n${differing}\n`,
  )
}

/** The handlers of a fold, which fail the test when they are not pure: each gets a frozen state, twice. */
export const pureHandlers = <H extends object>(name: string, handlers: H): H =>
  mapMembers(handlers, (type, handle) => pureHandler(`the handler ${type} of ${name}`, handle))

/** The same object with other functions in it. */
export const mapMembers = <H extends object>(members: H, use: (name: string, member: Handler) => Handler): H =>
  Object.fromEntries(Object.entries(members).map(([name, member]) => [name, member && use(name, member)])) as H

const pureHandler =
  (what: string, handle: Handler): Handler =>
  (state, ...more) => {
    const before = copyOf(freeze(state))
    const after = callTwice(what, () => orFail(what, () => handle(state, ...more)))
    const now = before && copyOf(state)
    if (same(before, now)) return after
    const changed = showDifferences(before, now)
    throw new Mismatch(
      `${what} is not pure: it changed the state that it was given (- before, + after)\n\n${changed}\n`,
    )
  }

/** Says whose code threw. */
export function orFail<T>(what: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (error instanceof Mismatch) throw error
    throw new Mismatch(`${what} threw ${error}`, undefined, error)
  }
}

/** A copy to compare with, in a list; none of what can't be copied. */
function copyOf(state: unknown): readonly unknown[] | undefined {
  try {
    return [structuredClone(state)]
  } catch {
    return undefined
  }
}
