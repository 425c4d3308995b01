import type { Metadata } from './commit.ts'
import type { AnyDecider, CommandOf } from './decider.ts'
import { mustBe, mustKnow } from './errors.ts'
import { definitionsOf, type EventMap, type Events, type Fact } from './event.ts'
import { isCount, isText } from './guard.ts'
import type { Exact, Query, TypesOfQuery } from './queries.ts'
import type { Recorded } from './recorded.ts'

/**
 * Where something runs: on the device whose commit the trigger is, or where the log is sequenced: at the server, and on the
 * device for a log that syncs nowhere.
 */
export type RunsOn = 'origin' | 'server'

/** Facts, or nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that answers nothing is one that answers no facts
export type Facts<M extends EventMap> = readonly Fact<M>[] | undefined | void

/** What a reactor or a task is given beside what it is about. */
interface TriggerContext {
  /** Aborted when it is not run here any more. */
  readonly signal: AbortSignal
  /** From 1. */
  readonly attempt: number
  /** The same for every try, on every device: a key for effects that must not be repeated. */
  readonly key: string
  /** Metadata of what it appends: correlation, cause and trace of the event. */
  readonly metadata: Metadata
}
/** What a reactor is given beside the event. */
export interface ReactorContext extends TriggerContext {
  /** Has a decider of the model decide a command, once for this event; a refusal of the decider is as good as handled. */
  readonly execute: <D extends AnyDecider>(decider: D, command: CommandOf<D>) => Promise<void>
}

interface AutomationDef<M extends EventMap, Q> {
  readonly name: string
  readonly on: RunsOn
  readonly stream?: string
  readonly query?: Q & Exact<M, Q>
  /** Where it begins when it never ran: at the start of the log (the default), or with what comes from then on. */
  readonly from?: 'start' | 'head'
}

/** What every automation has. */
interface Automation<M extends EventMap> {
  readonly name: string
  readonly on: RunsOn
  readonly events: Events<M>
  readonly stream?: string | undefined
  readonly query?: Query<M> | undefined
  readonly from?: 'start' | 'head' | undefined
}

/** What {@link defineReactor} takes. */
export interface ReactorDef<M extends EventMap, Q> extends AutomationDef<M, Q> {
  /** Answers the facts that follow, if any. Further tries come after errors. */
  readonly react: (
    event: Recorded<M, TypesOfQuery<M, NoInfer<Q>>>,
    context: ReactorContext,
  ) => Facts<M> | Promise<Facts<M>>
  /** Tries after the first one fails, with back-off; then the event is parked. 5 by default. */
  readonly retry?: number
}

/** What follows from events, by itself. */
export interface Reactor<M extends EventMap = EventMap> extends Automation<M> {
  readonly kind: 'reactor'
  readonly react: (event: never, context: ReactorContext) => unknown
  readonly retry: number
}

/**
 * Defines what follows from events: facts that are appended once for each event, over all devices. Effects outside the log
 * happen at least once; `context.key` tells a repeated one. Throws `tidelog/argument` for what makes no sense.
 */
export function defineReactor<M extends EventMap, const Q extends Query<M> = Record<never, never>>(
  events: Events<M>,
  { react, retry = 5, ...def }: ReactorDef<M, Q>,
): Reactor<M> {
  mustBe(typeof react === 'function', 'react', react)
  mustBe(isCount(retry), 'retry', retry)
  return { kind: 'reactor', ...automationOf(events, def), react, retry }
}

/** What a task is given beside its input. Its signal is aborted when it is cancelled, takes too long or was taken over, too. */
export interface TaskContext extends TriggerContext {
  /** Shows how far it is: JSON. */
  readonly progress: (value: unknown) => void
}

/** What is to be done for an event, and when: at once, `afterMs` the event, or `at` a time in ms since 1970. */
export interface TaskPlan<I> {
  readonly input: I
  readonly at?: number
  readonly afterMs?: number
}

/** What {@link defineTask} takes. */
export interface TaskDef<M extends EventMap, Q, I> extends AutomationDef<M, Q> {
  /** What an event asks for, if anything: JSON. */
  readonly plan: (event: Recorded<M, TypesOfQuery<M, NoInfer<Q>>>) => TaskPlan<I> | undefined
  /** Does it, and answers the facts of its success. */
  readonly run: (input: NoInfer<I>, context: TaskContext) => Facts<M> | Promise<Facts<M>>
  /** The facts of a failure, when it is not tried again. */
  readonly failed?: (input: NoInfer<I>, problem: { readonly message: string }) => readonly Fact<M>[]
  /** Tries in all; 5 by default. */
  readonly attempts?: number
  /** So long after its first try it is not tried again, and a try under way is aborted. */
  readonly deadlineMs?: number
  /** Before the second try; doubles with each, with jitter. 125 by default, a minute at most. */
  readonly retryMs?: number
  /** Tasks of this kind that one device runs at a time; 1 by default. */
  readonly concurrency?: number
  /** Another tab takes the task over when its runner has not been heard of for so long; 30,000 by default. */
  readonly leaseMs?: number
}

/** Work that events ask for. */
export interface Task<M extends EventMap = EventMap> extends Automation<M> {
  readonly kind: 'task'
  readonly plan: (event: never) => TaskPlan<unknown> | undefined
  readonly run: (input: never, context: TaskContext) => unknown
  readonly failed: (input: never, problem: { readonly message: string }) => readonly Fact<M>[]
  readonly attempts: number
  readonly deadlineMs: number
  readonly retryMs: number
  readonly concurrency: number
  readonly leaseMs: number
}

/**
 * Defines work that events ask for: one task for each event, tried until it succeeds, fails for good or is cancelled. Its
 * end and the facts of it are one write. Throws `tidelog/argument` for what makes no sense.
 */
export function defineTask<M extends EventMap, I, const Q extends Query<M> = Record<never, never>>(
  events: Events<M>,
  { plan, run, failed = () => [], ...def }: TaskDef<M, Q, I>,
): Task<M> {
  const { attempts = 5, deadlineMs = Number.MAX_SAFE_INTEGER, retryMs = 125, ...more } = def
  const { concurrency = 1, leaseMs = 30_000, ...rest } = more
  const numbers = { attempts, deadlineMs, retryMs, concurrency, leaseMs }
  for (const [what, value] of Object.entries(numbers)) mustBe(isCount(value, 1), what, value)
  for (const [what, use] of Object.entries({ plan, run, failed })) mustBe(typeof use === 'function', what, use)
  return { kind: 'task', ...automationOf(events, rest), plan, run, failed, ...numbers }
}

/** Anything that a log does by itself. */
// biome-ignore lint/suspicious/noExplicitAny: events are contravariant, so only `any` holds every automation
export type AnyAutomation = Reactor<any> | Task<any>

/** The part that both kinds share, checked. */
function automationOf<M extends EventMap>(
  events: Events<M>,
  { name, on, stream, query, from, ...unknown }: Omit<Automation<M>, 'events'>,
): Automation<M> {
  definitionsOf(events)
  mustKnow(unknown, '')
  mustBe(isText(name, 40), 'a name', name)
  mustBe(on === 'origin' || on === 'server', 'on', on)
  mustBe(from === undefined || from === 'start' || from === 'head', 'from', from)
  return { name, on, events, stream, query, from }
}
