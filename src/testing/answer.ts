import { type Ruling, Undecidable } from '../core/command.ts'
import type { CommandData, StoredEvent } from '../core/commit.ts'
import type { AnyModels } from '../core/compose.ts'
import type { AnyDecider } from '../core/decider.ts'
import { deepFreeze } from '../core/decode.ts'
import { freeze } from '../core/freeze.ts'
import { type Issue, issuesToText } from '../core/outcome.ts'
import { checkData } from '../core/prepare.ts'
import { matches } from '../core/query.ts'
import { createDeciders } from '../core/rulings.ts'
import { tooLargeOf } from '../log/append-call.ts'
import { type History, placedIn } from './history.ts'
import { Mismatch } from './mismatch.ts'
import { callTwice, mapMembers, orFail, pureHandlers } from './pure.ts'

/** What became of a command. */
export type Answer =
  | { readonly kind: 'events'; readonly events: readonly StoredEvent[] }
  | { readonly kind: 'refused'; readonly type: string; readonly data: unknown }
  | { readonly kind: 'invalid'; readonly issues: readonly Issue[] }
  | { readonly kind: 'update-needed'; readonly eventType: string }

/** Reads a command as `execute` does: what its schema makes of it, through text. */
export function readCommand(decider: AnyDecider, command: unknown): CommandData | Answer {
  const issues: Issue[] = []
  const data = checkData(decider.command, command, 'command', issues)
  if (issues.length > 0) return { kind: 'invalid', issues }
  return JSON.parse(JSON.stringify({ name: decider.name, v: decider.version, data }))
}

/** Asks a decider as the log does, and fails the test where its code threw or decided what no log takes. */
export function ask(decider: AnyDecider, history: History, command: CommandData): Answer {
  const { name, initial } = decider
  const thrown: unknown[] = []
  const noting =
    <A extends readonly unknown[], R>(use: (...args: A) => R) =>
    (...args: A): R => {
      try {
        return use(...args)
      } catch (error) {
        thrown.push(error)
        throw error
      }
    }
  const pure = <H extends object>(of: string, on: H): H =>
    mapMembers(pureHandlers(of, on), (_type, handle) => noting(handle))
  const watched: AnyDecider = {
    ...decider,
    initial: freeze(initial),
    on: pure(name, decider.on),
    models: decider.models && watchModels(decider.models, pure, noting),
    scope: decider.scope && noting(decider.scope),
    decide: noting(decider.decide),
  }
  try {
    const ruling = createDeciders([watched])(command)
    return rule(name, ruling, history)
  } catch (error) {
    if (!(error instanceof Undecidable)) throw error
    if (error.type === 'update-needed') return { kind: 'update-needed', eventType: error.message }
    const cause = thrown.at(-1)
    throw cause instanceof Mismatch ? cause : new Mismatch(`could not decide: ${error.message}`, undefined, cause)
  }
}

type Watch = <A extends readonly unknown[], R>(use: (...args: A) => R) => (...args: A) => R
type Purify = <H extends object>(of: string, on: H) => H

/** The models of a decider, watched as its own code is. */
const watchModels = (models: AnyModels, pure: Purify, noting: Watch): AnyModels =>
  Object.fromEntries(
    Object.entries(models).map(([name, [projection, params]]) => {
      const { initial, on, scope = () => ({ query: {} }) } = projection
      const watched = { ...projection, initial: freeze(initial), on: pure(projection.name, on), scope: noting(scope) }
      return [name, [watched, noting(params)]]
    }),
  )

function rule(name: string, ruling: Ruling, history: History): Answer {
  const seen = placedIn(history).filter((event) => matches(ruling.selectors, event))
  const folded = ruling.fold(ruling.initial, seen)
  // As the log does it before it decides, whatever that is for this state.
  const state = orFail(`the state of ${name}`, () => deepFreeze(folded))
  const decided = callTwice(`decide of ${name}`, () => ruling.decide(state))
  if (decided.kind === 'refused') return { kind: 'refused', type: decided.refusal.type, data: decided.refusal.data }
  if (decided.kind === 'invalid')
    throw new Mismatch(`${name} decided what the log refuses: ${issuesToText(decided.issues)}`)
  const { events } = decided
  const tooLarge = tooLargeOf({ events }, JSON.stringify(events))
  if (tooLarge) throw new Mismatch(`${name} decided what the log refuses: ${tooLarge.message}`)
  return { kind: 'events', events }
}
