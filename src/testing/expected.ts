import type { StoredEvent } from '../core/commit.ts'
import { mustBe } from '../core/errors.ts'
import type { EventMap } from '../core/event.ts'
import { isRecord } from '../core/guard.ts'
import { type Issue, issuesToText } from '../core/outcome.ts'
import { type AnyFact, prepareEvent } from '../core/prepare.ts'
import { misuse } from './misuse.ts'

/** Facts that are expected: a fact alone says nothing of where it goes. */
export type Expected<F> = F | { readonly stream: string; readonly events: readonly F[] }

/** A fact as a test shows it. */
export interface ShownFact {
  readonly type: string
  readonly data: unknown
  readonly stream?: string
}

/** Reads expected facts by their schemas. Throws `tidelog/argument` for what could never be in the log. */
export function readExpected(definitions: EventMap, expected: unknown): readonly ShownFact[] {
  if (typeof expected === 'function')
    misuse('what was decided is no promise: `.then([…])` takes the facts that are expected')
  mustBe(Array.isArray(expected), 'the expected facts', expected)
  const issues: Issue[] = []
  const shown: ShownFact[] = []
  const take = (fact: unknown, stream?: string): void => {
    mustBe(isRecord(fact), `the expected events[${shown.length}]`, fact)
    const asked: AnyFact = { type: fact.type as string, data: fact.data }
    const { type, data } = prepareEvent(definitions, asked, stream, shown.length, issues)
    shown.push({ type, data, ...(stream !== undefined && { stream }) })
  }
  for (const one of expected)
    if (isRecord(one) && Array.isArray(one.events)) for (const fact of one.events) take(fact, String(one.stream))
    else take(one)
  if (issues.length > 0) misuse(`no schema lets the expected facts be: ${issuesToText(issues)}`)
  return JSON.parse(JSON.stringify(shown))
}

/** What events show beside the expected ones: their streams where those say one. */
export const shownBeside = (events: readonly StoredEvent[], expected: readonly ShownFact[]): readonly ShownFact[] =>
  events.map(({ type, data, stream }, at) => ({
    type,
    data,
    ...(expected[at]?.stream !== undefined && { stream }),
  }))
