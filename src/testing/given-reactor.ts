import { toCommand } from '../consumer/send-commit.ts'
import type { Reactor, ReactorContext } from '../core/automation.ts'
import { causedBy } from '../core/cause.ts'
import type { CommandData, StoredEvent } from '../core/commit.ts'
import type { AnyDecider, CommandOf } from '../core/decider.ts'
import { messageOf, mustBe } from '../core/errors.ts'
import { definitionsOf, type EventMap, type Fact } from '../core/event.ts'
import { type Issue, issuesToText } from '../core/outcome.ts'
import { type AnyFact, mustBeStorable, prepareEvent } from '../core/prepare.ts'
import { nameOf } from '../core/recorded.ts'
import { ask } from './answer.ts'
import { type Expected, readExpected, shownBeside } from './expected.ts'
import type { Given, History } from './history.ts'
import { Mismatch, mustMatch } from './mismatch.ts'
import { type Trigger, triggerOf } from './trigger.ts'

/** A reactor and what happened before. */
export interface GivenReactor<M extends EventMap> {
  /** Hands it a confirmed event, once; nothing that it is not told of. */
  when(fact: Given<M>): WhenReacted<M>
}

/** What a reactor made of an event. Rejects with what the reactor throws. */
export interface WhenReacted<M extends EventMap> {
  /** It answered these facts, in this order. */
  then(facts: readonly Expected<Fact<M>>[]): Promise<void>
  /** It answered no facts, and executed no commands. */
  thenNothing(): Promise<void>
  /** It executed this one command. */
  thenExecutes<D extends AnyDecider>(decider: D, command: CommandOf<D>): Promise<void>
  /** It executed these commands, in this order. */
  thenExecutesAll<const Ds extends readonly AnyDecider[]>(
    executed: {
      readonly [I in keyof Ds]: readonly [decider: Ds[I], command: CommandOf<Ds[I]>]
    },
  ): Promise<void>
}

interface Reacted {
  readonly events: readonly StoredEvent[]
  readonly commands: readonly CommandData[]
}

export class ReactorTest<M extends EventMap> implements GivenReactor<M> {
  readonly #reactor: Reactor<M>
  readonly #history: History

  constructor(reactor: Reactor<M>, history: History) {
    this.#reactor = reactor
    this.#history = history
  }

  when(fact: Given<M>): WhenReacted<M> {
    const trigger = triggerOf(this.#reactor, this.#history, fact)
    return new ReactedTest(this.#reactor, react(this.#reactor, trigger))
  }
}

class ReactedTest<M extends EventMap> implements WhenReacted<M> {
  readonly #reactor: Reactor<M>
  readonly #reacting: Promise<Reacted>

  constructor(reactor: Reactor<M>, reacting: Promise<Reacted>) {
    this.#reactor = reactor
    this.#reacting = reacting
  }

  // biome-ignore lint/suspicious/noThenProperty: the word of given/when/then; it says so when it is awaited
  then(facts: readonly unknown[]): Promise<void> {
    const { name, events: creators } = this.#reactor
    // Thrown, not rejected: whoever awaits this by mistake would never hear of a rejection.
    const expected = readExpected(definitionsOf(creators), facts)
    const match = async (): Promise<void> => {
      const { events } = await this.#reacting
      mustMatch(`${name} answered otherwise`, expected, shownBeside(events, expected), match)
    }
    return match()
  }

  async thenNothing(): Promise<void> {
    const { events, commands } = await this.#reacting
    const facts = events.map(({ type, data }) => ({ type, data }))
    const nothing = { facts: [], executed: [] }
    mustMatch(
      `${this.#reactor.name} did something`,
      nothing,
      { facts, executed: commands.map(shown) },
      this.thenNothing,
    )
  }

  thenExecutes(decider: AnyDecider, command: unknown): Promise<void> {
    return this.thenExecutesAll([[decider, command]])
  }

  async thenExecutesAll(executed: readonly (readonly [decider: AnyDecider, command: unknown])[]): Promise<void> {
    const expected = executed.map(([decider, command]) => shown(toCommand(decider, command)))
    const actual = (await this.#reacting).commands.map(shown)
    mustMatch(`${this.#reactor.name} executed otherwise`, expected, actual, this.thenExecutesAll)
  }
}

const shown = ({ name, data }: CommandData): object => ({ decider: name, command: JSON.parse(JSON.stringify(data)) })

// biome-ignore lint/suspicious/noExplicitAny: events are contravariant, so only `any` holds every reactor
type AnyReactor = Reactor<any>

/** Runs a reactor once, as the log does; what its commands come to is there for its next command. */
async function react(reactor: AnyReactor, { history, events }: Trigger): Promise<Reacted> {
  const commands: CommandData[] = []
  const known = [...history]
  const execute: ReactorContext['execute'] = async (decider, command) => {
    const sent = JSON.parse(JSON.stringify(toCommand(decider, command)))
    commands.push(sent)
    const answer = ask(decider, known, sent)
    if (answer.kind === 'events') known.push({ events: answer.events, pending: true })
    // A refusal is as good as handled; what can't be decided is not.
    if (answer.kind === 'update-needed') throw new Mismatch(`${decider.name} does not know ${answer.eventType}`)
  }
  const { signal } = new AbortController()
  const all: AnyFact[] = []
  for (const event of events) {
    const metadata = causedBy(event)
    const key = `reactor/${reactor.name}/${nameOf(event)}`
    const facts = await reactor.react(event as never, { signal, attempt: 1, key, metadata, execute })
    mustBe(facts === undefined || Array.isArray(facts), 'what a reactor answers', facts)
    all.push(...((facts as readonly AnyFact[] | undefined) ?? []))
  }
  return { events: storedOf(reactor, all), commands }
}

/** Facts as the log would take them; fails the test where it would not. */
function storedOf({ name, events: creators }: AnyReactor, facts: readonly AnyFact[]): readonly StoredEvent[] {
  const issues: Issue[] = []
  const definitions = definitionsOf(creators)
  try {
    const events = facts.map((one, at) => prepareEvent(definitions, one, undefined, at, issues))
    mustBe(issues.length === 0, 'facts', issuesToText(issues))
    mustBeStorable(events)
    return JSON.parse(JSON.stringify(events))
  } catch (error) {
    throw new Mismatch(`${name} answered what the log refuses: ${messageOf(error)}`, undefined, error)
  }
}
