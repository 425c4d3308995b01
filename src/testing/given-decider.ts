import type { AnyDecider, DecidedOf, RefusalOf } from '../core/decider.ts'
import { mustBe } from '../core/errors.ts'
import { definitionsOf } from '../core/event.ts'
import { issuesToText } from '../core/outcome.ts'
import { type Answer, ask, readCommand } from './answer.ts'
import { type Expected, readExpected, type ShownFact, shownBeside } from './expected.ts'
import type { History } from './history.ts'
import { mustMatch } from './mismatch.ts'
import { misuse } from './misuse.ts'
import { show } from './show.ts'

/** A decider and what happened. `C` is its command, `D` what it may answer. */
export interface GivenDecider<C, D> {
  /** Asks the decider as `execute` does. What was decided joins the history of the next command. */
  when(command: C): WhenDecided<C, D>
}

/** What a decider answered to the last command. */
export interface WhenDecided<C, D> extends GivenDecider<C, D> {
  /** It decided these facts, in this order. */
  then(facts: readonly Expected<DecidedOf<D>>[]): void
  /** There was nothing to do: it decided `[]`. */
  thenNothing(): void
  /** It said no; with this data, where it is given. */
  thenRefused<T extends RefusalOf<D>['type']>(type: T, data?: Extract<RefusalOf<D>, { readonly type: T }>['data']): void
  /** The schema of the command refused it, at this path where one is given: `productId`. */
  thenInvalid(path?: string): void
  /** It could not be asked: its scope holds an event that this app does not know, of this type where one is given. */
  thenUpdateNeeded(eventType?: string): void
}

type AnyDecided = WhenDecided<unknown, never>

export class DeciderTest implements GivenDecider<unknown, never> {
  readonly #decider: AnyDecider
  readonly #history: History

  constructor(decider: AnyDecider, history: History) {
    this.#decider = decider
    this.#history = history
  }

  when(command: unknown): AnyDecided {
    const read = readCommand(this.#decider, command)
    const answer = 'kind' in read ? read : ask(this.#decider, this.#history, read)
    return new DecidedTest(this.#decider, this.#history, answer)
  }
}

class DecidedTest implements AnyDecided {
  readonly #decider: AnyDecider
  readonly #history: History
  readonly #answer: Answer

  constructor(decider: AnyDecider, history: History, answer: Answer) {
    this.#decider = decider
    this.#history = history
    this.#answer = answer
  }

  when(command: unknown): AnyDecided {
    const answer = this.#answer
    // A "no" that nobody asks for would be lost.
    if (answer.kind !== 'events') return misuse(`the command before was answered with ${show(shown(answer))}`)
    // What is decided is pending at first.
    const history = [...this.#history, { events: answer.events, pending: true }]
    return new DeciderTest(this.#decider, history).when(command)
  }

  // biome-ignore lint/suspicious/noThenProperty: the word of given/when/then; it says so when it is awaited
  then(facts: readonly unknown[]): void {
    const expected = readExpected(definitionsOf(this.#decider.events), facts)
    this.#match(expected, shown(this.#answer, expected), this.then)
  }

  thenNothing(): void {
    this.#match([], shown(this.#answer), this.thenNothing)
  }

  thenRefused(...[type, data]: readonly [type: string, data?: unknown]): void {
    mustBe(typeof type === 'string', 'a refusal', type)
    const actual = shown(this.#answer)
    const isOpen = data === undefined && 'refused' in actual
    this.#match(
      isOpen ? { refused: type } : { refused: type, data },
      isOpen ? { refused: actual.refused } : actual,
      this.thenRefused,
    )
  }

  thenInvalid(path?: string): void {
    const answer = this.#answer
    const isSo =
      answer.kind === 'invalid' && (path === undefined || answer.issues.some((issue) => isAt(path, issue.path)))
    if (!isSo) this.#match({ invalid: path ?? 'the command' }, shown(answer), this.thenInvalid)
  }

  thenUpdateNeeded(eventType?: string): void {
    const actual = shown(this.#answer)
    const isOpen = eventType === undefined && 'updateNeeded' in actual
    const expected = { updateNeeded: isOpen ? actual.updateNeeded : (eventType ?? 'an unknown event') }
    this.#match(expected, actual, this.thenUpdateNeeded)
  }

  #match(expected: unknown, actual: unknown, called: unknown): void {
    mustMatch(`${this.#decider.name} answered otherwise`, expected, actual, called)
  }
}

/** `items` is at `command.items.2.price`, and so is `items.2`. */
const isAt = (path: string, issue: string): boolean => `${issue}.`.startsWith(`command.${path}.`)

type ShownAnswer = readonly unknown[] | Readonly<Record<string, unknown>>

/** An answer as a test shows it. */
function shown(answer: Answer, expected: readonly ShownFact[] = []): ShownAnswer {
  switch (answer.kind) {
    case 'events':
      return shownBeside(answer.events, expected)
    case 'refused':
      return { refused: answer.type, data: answer.data }
    case 'invalid':
      return { invalid: answer.issues.map((issue) => issuesToText([issue])) }
    case 'update-needed':
      return { updateNeeded: answer.eventType }
  }
}
