import { type Deciders, type Ruling, Undecidable } from '../../src/core/command.ts'
import type { Commit } from '../../src/core/commit.ts'
import { messageOf, TidelogError } from '../../src/core/errors.ts'
import { erasedType } from '../../src/core/lifecycle.ts'
import type { Random } from '../../src/core/ports.ts'
import { conditionToSelectors, matches } from '../../src/core/query.ts'
import { type Retentions, unretained } from '../../src/core/retention.ts'
import { type Incoming, type MustBeKept, readCall, toErrorReason, tooLargeOf } from '../../src/log/append-call.ts'
import { toReason } from '../../src/log/deciding.ts'
import { markerExpired } from '../../src/log/read-options.ts'
import { isSameAsk } from '../../src/log/same-ask.ts'
import type { Problem, Seen } from '../../src/protocol/sync.ts'
import type { AppendAnswer, AppendReason, AppendText } from '../../src/protocol/worker.ts'
import { check } from '../check.ts'
import type { HandlerContext } from '../context.ts'
import type { Candidate, Rejected } from '../judge.ts'
import { RequestProblem } from '../problems.ts'
import { settle } from '../settle.ts'
import { isStoreError } from '../store-error.ts'
import { DecidedStates } from './decided-states.ts'
import type { LogIndex } from './log-index.ts'

/** Events of a conflict that are answered; the first ones, in log order. */
const conflictEventsMax = 100
/** How often an append is judged, or a command decided, before it is given up: others write without end. */
const triesMax = 50
/** Before it is tried again where too many others write; doubles, with jitter. */
const busyMs = 5
const busyMsMax = 500

export interface WriterParts {
  readonly log: string
  readonly index: LogIndex
  readonly context: HandlerContext
  readonly deciders: Deciders
  readonly retentions: Retentions
  readonly random: Random
}
interface Waiting {
  readonly incoming: Incoming
  /** How often it was judged. */
  readonly tries: number
  readonly answer: (answer: AppendAnswer) => void
  readonly fail: (error: unknown) => void
}
/** What is to be judged, on the log as it was `seen`. */
interface Draft {
  readonly commit: Commit
  readonly text: string
  readonly isDecided: boolean
}

/** What goes into one write. */
interface Staged {
  readonly waiting: Waiting
  readonly draft: Draft
  readonly candidate: Candidate
}
type Later = AppendAnswer | 'later'

/**
 * Writes to a log as a push does: what is appended is judged against what came since it was decided, and a race that is lost is
 * run again, a command with a new decision.
 */
export class LogWriter {
  readonly #parts: WriterParts
  readonly #states: DecidedStates
  readonly #mustBeKept: MustBeKept
  #waiting: Waiting[] = []
  #isPumping = false

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#states = new DecidedStates(parts.index)
    this.#mustBeKept = unretained(parts.retentions)
  }

  /** What was asked for, and how it ended. */
  async append(text: AppendText): Promise<readonly [answer: AppendAnswer, incoming?: Incoming]> {
    const incoming = readCall(text, this.#mustBeKept)
    if (!('commit' in incoming)) return [refused(incoming)]
    const answer = await new Promise<AppendAnswer>((answer, fail) => {
      this.#waiting.push({ incoming, tries: 1, answer, fail })
      if (!this.#isPumping) void this.#pump()
    })
    return [answer, incoming]
  }

  /** One write at a time, for all that waits. */
  async #pump(): Promise<void> {
    this.#isPumping = true
    await undefined
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      try {
        this.#waiting.unshift(...(await this.#round(group)))
      } catch (error) {
        const isFull = isStoreError(error) && error.failure === 'full'
        const reason = isFull ? ({ type: 'StorageFull', message: messageOf(error) } as const) : undefined
        for (const { answer, fail } of group) reason === undefined ? fail(error) : answer(refused(reason))
      }
    }
    this.#isPumping = false
  }

  #takeGroup(): readonly Waiting[] {
    const { runCommitsMax, bodyBytesMax } = this.#parts.context.limits
    let size = 0
    let count = 0
    for (const { incoming } of this.#waiting) {
      size += incoming.text.length
      if (count > 0 && (count === runCommitsMax || size > bodyBytesMax)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /** Answers those that come to an end in one write; the others are left, in their order. */
  async #round(group: readonly Waiting[]): Promise<readonly Waiting[]> {
    await this.#parts.index.reach()
    const seen = this.#parts.index.head
    const run: Staged[] = []
    const left: Waiting[] = []
    for (const waiting of group) {
      const staged = left.length > 0 ? 'later' : await this.#stage(waiting.incoming, seen, run)
      if (staged === 'later') left.push(waiting)
      else if ('ok' in staged) waiting.answer(staged)
      else run.push({ ...staged, waiting })
    }
    if (run.length === 0) return left
    const verdicts = await this.#settle(
      seen,
      run.map(({ candidate }) => candidate),
    )
    await this.#parts.index.reach()
    const again: Waiting[] = []
    for (const [at, { waiting, draft }] of run.entries()) {
      // What came meanwhile, a conflict or the same commit, is looked at as part of the log.
      if (verdicts?.[at]?.verdict !== 'accepted') again.push({ ...waiting, tries: waiting.tries + 1 })
      else waiting.answer(await this.#taken(draft))
    }
    if (verdicts === undefined) await this.#rest(again[0]?.tries ?? 1)
    return [...again.filter((waiting) => !this.#givesUp(waiting)), ...left]
  }

  #givesUp({ tries, fail }: Waiting): boolean {
    if (tries <= triesMax) return false
    fail(new TidelogError('tidelog/timeout', 'too many others write to this log'))
    return true
  }

  /** What is to be judged, or an answer; `later` where what stands before it in the run would say more. */
  async #stage(incoming: Incoming, seen: Seen, run: readonly Staged[]): Promise<Omit<Staged, 'waiting'> | Later> {
    const { index } = this.#parts
    const { id } = incoming.commit
    if (run.some(({ candidate }) => candidate.id === id)) return 'later'
    if (index.positionOf(id) !== undefined) return this.#known(incoming.commit)
    const draft = await this.#draft(incoming, seen)
    if ('ok' in draft) return run.length > 0 ? 'later' : draft
    const closed = this.#closed(draft.commit, seen)
    if (closed !== undefined) return refused(closed)
    const candidate = await this.#check(draft.commit, draft.text)
    if ('problem' in candidate) return refused(reasonOf(candidate.problem))
    const selectors = [...conditionToSelectors(candidate.condition), ...candidate.closing]
    const isTouched = run.some((before) => before.draft.commit.events.some((event) => matches(selectors, event)))
    return isTouched ? 'later' : { draft, candidate }
  }

  /** What is to be appended where the log stands so, or why not. */
  async #draft(incoming: Incoming, seen: Seen): Promise<Draft | AppendAnswer> {
    const { commit, text } = incoming
    if (commit.command !== undefined) return this.#decide(commit, seen)
    const reason = await this.#objection(incoming, seen)
    return reason === undefined ? { commit, text, isDecided: false } : refused(reason)
  }

  async #decide({ command, ...head }: Commit, seen: Seen): Promise<Draft | AppendAnswer> {
    const { deciders, index } = this.#parts
    try {
      if (command === undefined) throw new Undecidable('needs-decider', head.id)
      const ruling: Ruling = deciders(command)
      this.#mustBeKept(ruling.condition.streams ?? [])
      const decided = ruling.decide(await this.#states.at(ruling, seen.position))
      if (decided.kind === 'refused') return refused({ type: 'Refused', refusal: decided.refusal })
      if (decided.kind === 'invalid') {
        const message = 'the decided events are not as their schemas say'
        return refused({ type: 'Invalid', issues: decided.issues, message })
      }
      const commit: Commit = { ...head, condition: ruling.condition, events: decided.events }
      const text = JSON.stringify(commit)
      if (commit.events.length === 0) return { ok: true, head: index.marker, versions: [], durable: true, known: text }
      const tooLarge = tooLargeOf(commit, text)
      return tooLarge === undefined ? { commit, text, isDecided: true } : refused(tooLarge)
    } catch (error) {
      return refused(toReason(error))
    }
  }

  /** What stands against an append, in the order in which a device looks at it. */
  async #objection({ after, expected, failIf }: Incoming, seen: Seen): Promise<AppendReason | undefined> {
    const { index } = this.#parts
    const { database } = index.marker
    if (after !== undefined && (after.database !== database || after.revision > seen.position))
      return toErrorReason(markerExpired())
    const window = { after: after?.confirmed ?? 0, through: seen.position }
    for (const { stream, version } of expected) {
      const actual = index.events.versionOf(stream, seen.position)
      const hasMoved = after !== undefined && index.matching([{ stream }], window).next().done !== true
      if (!hasMoved && (version === 'exists' ? actual > 0 : actual === version)) continue
      const found = version === 'exists' ? 'does not exist' : `is at version ${actual}, not at ${version}`
      const message = `stream ${stream} ${hasMoved ? 'was changed since it was read' : found}`
      return { type: 'VersionConflict', stream, expected: version, actual, message }
    }
    if (failIf === undefined) return undefined
    const positions: number[] = []
    for (const position of index.matching(failIf, window)) if (positions.push(position) === conflictEventsMax) break
    if (positions.length === 0) return undefined
    const events = await index.eventsAt(positions)
    return { type: 'ConditionConflict', message: 'the condition does not hold', events }
  }

  #closed(commit: Commit, seen: Seen): AppendReason | undefined {
    const streams = commit.events.flatMap(({ type, stream }) => (type === erasedType ? [] : stream))
    const stream = this.#parts.index.closedOf(streams, seen.position)
    return stream === undefined ? undefined : { type: 'StreamClosed', stream, message: `stream ${stream} is closed` }
  }

  /** The same look at a commit as at one that is pushed; who did it is what the app says. */
  #check(commit: Commit, text: string): Promise<Candidate | Rejected> {
    const { log, context } = this.#parts
    const { definitions, validate } = context
    const actor = commit.metadata?.actor
    // From its text: what the caller keeps a hand on does not change what was checked.
    return check(JSON.parse(text), {
      actor: actor === undefined ? undefined : { id: actor },
      log,
      definitions,
      authorizeCommit: undefined,
      validate,
    })
  }

  /** The verdicts; nothing where it has to be tried again. */
  async #settle(seen: Seen, run: readonly Candidate[]) {
    const { log, context } = this.#parts
    try {
      const settled = await settle({ log, name: log, seen, run }, context)
      if (settled.status === 'pull-first') return undefined
      const last = settled.verdicts.at(-1)
      if (last !== undefined && 'position' in last) {
        context.sealer.look(log, last.position)
        context.eraser.look(log, last.position)
      }
      return settled.verdicts
    } catch (error) {
      // Others are faster all the time, or conditions cost too much to check over what they wrote.
      if (error instanceof RequestProblem) return undefined
      throw error
    }
  }

  async #taken({ commit: { id, events }, isDecided }: Draft): Promise<AppendAnswer> {
    const { index } = this.#parts
    const first = index.positionOf(id) ?? 0
    const versions = events.map(({ stream }, at) => index.events.versionOf(stream, first + at))
    const known = isDecided ? JSON.stringify(await index.commitAt(first)) : undefined
    return { ok: true, head: index.marker, first, versions, durable: true, ...(known !== undefined && { known }) }
  }

  /** The answer to a repeated append: the first one's when the content is the same. */
  async #known(asked: Commit): Promise<AppendAnswer> {
    const { index } = this.#parts
    const first = index.positionOf(asked.id) ?? 0
    const present = await index.commitAt(first)
    if (!isSameAsk(present, asked))
      return refused({ type: 'IdTaken', commitId: asked.id, message: 'known with other content' })
    const versions = present.events.map(({ stream }, at) => index.events.versionOf(stream, first + at))
    return { ok: true, head: index.marker, first, versions, durable: true, known: JSON.stringify(present) }
  }

  #rest(tries: number): Promise<void> {
    const { context, random } = this.#parts
    const ms = Math.min(busyMsMax, busyMs * 2 ** Math.min(tries, 10)) * (0.5 + random.fraction() / 2)
    return new Promise((resolve) => void context.clock.after(ms, resolve))
  }
}

const refused = (reason: AppendReason): AppendAnswer => ({ ok: false, reason })

/** What a push would be told, in the words of an append. */
function reasonOf({ type, title, detail = '' }: Problem): AppendReason {
  const message = detail === '' ? title : `${title}: ${detail}`
  return { type: 'Invalid', issues: [{ path: '', message: `${message} (${type})` }], message }
}
