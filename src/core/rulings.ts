import { type Decided, type Deciders, Undecidable } from './command.ts'
import type { CommandData } from './commit.ts'
import { conditionOf, type Reading, readingOf, type Scoped } from './compose.ts'
import type { AnyDecider } from './decider.ts'
import { decodeEvent } from './decode.ts'
import { mustBe, mustKnow } from './errors.ts'
import { definitionsOf, type EventMap, runSchema } from './event.ts'
import { isRecord, isText } from './guard.ts'
import { jsonIssues } from './json.ts'
import { isOwnType } from './lifecycle.ts'
import type { Issue } from './outcome.ts'
import { type AnyFact, mustBeStorable, prepareEvent } from './prepare.ts'
import { foldEvents } from './projection.ts'
import { type AnyQuery, mustBeStreamName } from './queries.ts'
import { conditionToSelectors } from './query.ts'
import { widen, widenQuery } from './widen.ts'

/** The rulings of a model's deciders. Whatever their code throws says nothing about the command: {@link Undecidable}. */
export function createDeciders(deciders: readonly AnyDecider[]): Deciders {
  const byName = new Map(deciders.map((decider) => [decider.name, decider]))
  return (command) => {
    const decider = byName.get(command.name)
    if (decider === undefined || command.v > decider.version) throw new Undecidable('needs-decider', command.name)
    const run = <T>(use: () => T): T => {
      try {
        return use()
      } catch (error) {
        if (error instanceof Undecidable) throw error
        throw new Undecidable('decider-failed', `${decider.name}: ${error}`)
      }
    }
    const definitions = definitionsOf(decider.events)
    const data = run(() => commandOf(decider, command))
    const scope: AnyScope = run(() => decider.scope?.(data as never) ?? {})
    const { key, condition, selectors, initial, fold } = run(() => readingFor(definitions, decider, data, scope))
    return {
      key: JSON.stringify([decider.name, key]),
      condition: run(() =>
        scope.condition === undefined ? condition : conditionOf({ query: widenQuery(definitions, scope.condition) }),
      ),
      selectors,
      initial,
      fold: (state, placed) =>
        run(() =>
          fold(
            state,
            placed
              .flatMap((one) => decodeEvent(definitions, one, one))
              .map((event) => {
                // A state without what this build does not know would be a guess.
                if ('originalType' in event && !event.isErased && !isOwnType(event.originalType))
                  throw new Undecidable('update-needed', event.originalType)
                return event
              }),
          ),
        ),
      decide: (state) => run(() => toDecided(definitions, scope.stream, decider.decide(data as never, state))),
    }
  }
}

/** A kept command in the shape that the decider takes today. */
function commandOf({ command: schema, version, upcast }: AnyDecider, { v, data: kept }: CommandData): unknown {
  let data = kept
  for (let from = v; from < version; from++) data = upcast[from]?.(data as never)
  const checked = runSchema(schema, data)
  mustBe(checked.ok, 'a command', checked.ok || JSON.stringify(checked.issues))
  return checked.value
}

interface AnyScope extends Scoped {
  readonly condition?: AnyQuery | undefined
}
/** What is read for a command: by the models of its decider, or else by its scope. */
function readingFor(
  definitions: EventMap,
  { models, initial, on }: AnyDecider,
  command: unknown,
  scope: AnyScope,
): Reading {
  mustKnow(scope, models === undefined ? 'stream query condition' : 'stream condition')
  if (scope.stream !== undefined) mustBeStreamName(scope.stream)
  if (models !== undefined) return readingOf(definitions, models, command)
  const { scope: wide, isAsked } = widen(definitions, scope)
  const condition = conditionOf(wide)
  return {
    key: condition,
    selectors: conditionToSelectors(condition),
    condition,
    initial,
    fold: (state, events) => foldEvents(on, state, events.filter(isAsked)),
  }
}

function toDecided(definitions: EventMap, stream: string | undefined, decision: unknown): Decided {
  const issues: Issue[] = []
  if (Array.isArray(decision)) {
    const events = decision.map((fact: AnyFact, at) => prepareEvent(definitions, fact, stream, at, issues))
    if (issues.length === 0) mustBeStorable(events)
    // Through text, so that nobody holds what is in the log.
    return issues.length > 0
      ? { kind: 'invalid', issues }
      : { kind: 'events', events: JSON.parse(JSON.stringify(events)) }
  }
  mustBe(isRecord(decision) && isText(decision.type, 128), 'a decision', decision)
  const { type, data } = decision
  mustBe(jsonIssues(data ?? null).length === 0, 'the data of a refusal', data)
  return { kind: 'refused', refusal: { type: String(type), data } }
}
