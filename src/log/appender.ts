import type { Commit } from '../core/commit.ts'
import { groupTextMax } from '../core/limits.ts'
import { deadLetterChain } from '../protocol/rows.ts'
import type { AppendAnswer, AppendReason, AppendText, Durability } from '../protocol/worker.ts'
import { isStoreError } from '../store/store.ts'
import { type Admission, admit, countOn } from './admission.ts'
import { type Incoming, readCall } from './append-call.ts'
import type { Engine, Plan } from './engine.ts'
import { firstOf } from './first-of.ts'
import { pendingMatching } from './reader.ts'
import type { View } from './view.ts'

/** Events of a conflict that are answered; the first ones, in log order. */
const conflictEventsMax = 100

interface Waiting extends Incoming {
  readonly answer: (answer: AppendAnswer) => void
  readonly fail: (error: unknown) => void
}
/** The answer to one append of a group, when the group's row is on disk. */
type Given = { readonly waiting: Waiting; readonly answer: () => Promise<AppendAnswer> }

export interface AppenderOptions {
  readonly durability: Durability
  /** Whether commits wait for a sequencer; otherwise this device is its own, as long as the log has no other. */
  readonly synced: boolean
  readonly requireDurable: boolean
}

/** Group commit: what comes in while a row is being written becomes the next row, each append with its own outcome. */
export class Appender {
  readonly #engine: Engine
  readonly #options: AppenderOptions
  #waiting: Waiting[] = []
  #pumping = false

  constructor(engine: Engine, options: AppenderOptions) {
    this.#engine = engine
    this.#options = options
  }

  append(batch: readonly AppendText[]): Promise<readonly AppendAnswer[]> {
    const answers = batch.map((text) => {
      const incoming = readCall(text)
      if (!('commit' in incoming)) return refused(incoming)
      return new Promise<AppendAnswer>((answer, fail) => {
        this.#waiting.push({ ...incoming, answer, fail })
      })
    })
    if (!this.#pumping) void this.#pump()
    return Promise.all(answers)
  }

  async #pump(): Promise<void> {
    this.#pumping = true
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      try {
        await this.#writeGroup(group)
      } catch (error) {
        const reason = this.#reasonOf(error)
        if (reason !== undefined) answerAll(group, reason)
        else for (const { fail } of group) fail(error)
      }
    }
    this.#pumping = false
  }

  /** The answer that a failed write gives; nothing when nothing can be said of the outcome. */
  #reasonOf(error: unknown): AppendReason | undefined {
    if (isStoreError(error, 'full')) return { type: 'StorageFull', message: error.message }
    const { stopped } = this.#engine
    return stopped === undefined ? undefined : { type: 'UpdateNeeded', message: stopped }
  }

  #takeGroup(): readonly Waiting[] {
    let size = 0
    let count = 0
    for (const { text } of this.#waiting) {
      if (count > 0 && size + text.length > groupTextMax) break
      size += text.length
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    if (this.#options.requireDurable && !this.#engine.store.durable)
      return answerAll(group, { type: 'StorageUnavailable', message: 'this browser gives no storage' })
    // A "no" is only given by a view that has read the tail since the call: what it lacks may be what the caller saw.
    let isFresh = false
    let given: readonly Given[] = []
    await this.#engine.write(async (view) => {
      let checked = checkGroup(view, group)
      if (!isFresh && checked.some(({ admission }) => admission.kind !== 'admit')) {
        isFresh = true
        await this.#engine.catchUp()
        checked = checkGroup(view, group)
      }
      const plan = this.#planOf(view, checked)
      given = checked.map((one) => this.#give(view, one, plan))
      return plan
    })
    for (const { waiting, answer } of given) answer().then(waiting.answer, waiting.fail)
  }

  #planOf(view: View, checked: readonly Checked[]): Plan<void> | undefined {
    const admitted = checked.filter(({ admission }) => admission.kind === 'admit')
    if (admitted.length === 0) return undefined
    const isLocal = view.local ?? !this.#options.synced
    const durabilities = admitted.map(({ waiting }) => waiting.durability ?? this.#options.durability)
    return {
      row: {
        kind: 'append',
        commits: `[${admitted.map(({ text }) => text).join(',')}]`,
        ...(isLocal ? { first: view.confirmed.head.position + 1 } : {}),
      },
      commits: admitted.map(({ commit }) => commit),
      durability: durabilities.includes('strict') ? 'strict' : 'relaxed',
      result: undefined,
    }
  }

  #give(view: View, { waiting, admission, commit, before }: Checked, plan: Plan<void> | undefined): Given {
    switch (admission.kind) {
      case 'refuse':
        return { waiting, answer: async () => refused(admission.reason) }
      case 'conflict':
        return { waiting, answer: () => this.#conflict(view, admission) }
      case 'known':
        return { waiting, answer: () => this.#known(commit) }
      case 'admit': {
        const { position } = view.confirmed.head
        const isLocal = plan !== undefined && plan.row.kind === 'append' && plan.row.first !== undefined
        const whole = plan?.commits?.reduce((sum, { events }) => sum + events.length, 0) ?? 0
        const answer: AppendAnswer = {
          ok: true,
          head: { ...view.marker, revision: view.revision + 1, confirmed: position + (isLocal ? whole : 0) },
          versions: admission.versions,
          durable: this.#engine.store.durable,
          ...(isLocal ? { first: position + 1 + before } : {}),
        }
        return { waiting, answer: async () => answer }
      }
    }
  }

  /** Made when the group is on disk, since what stands in the way may be part of it. */
  async #conflict(view: View, { selectors, after }: Extract<Admission, { kind: 'conflict' }>): Promise<AppendAnswer> {
    const positions = firstOf(view.newerThan(selectors, after), conflictEventsMax)
    const pending = pendingMatching(view, selectors, after?.revision ?? 0)
    const events = [...(await this.#engine.content.eventsAt(positions)), ...pending].slice(0, conflictEventsMax)
    return refused({ type: 'ConditionConflict', events })
  }

  /** The answer to a repeated append: the first one's when the content is the same. */
  async #known(commit: Commit): Promise<AppendAnswer> {
    const { view, content, store } = this.#engine
    const first = view.confirmed.positionOf(commit.id)
    const present =
      view.pending.get(commit.id)?.commit ??
      (first === undefined ? await this.#deadLetter(commit.id) : await content.commitAt(first))
    if (present === undefined || JSON.stringify(present.events) !== JSON.stringify(commit.events))
      return refused({ type: 'IdTaken', commitId: commit.id })
    return {
      ok: true,
      head: view.marker,
      versions: versionsOfKnown(view, present, first),
      durable: store.durable,
      known: JSON.stringify(present),
      ...(first === undefined ? {} : { first }),
    }
  }

  async #deadLetter(id: string): Promise<Commit | undefined> {
    const [letters] = await this.#engine.store.run([
      { op: 'range', store: 'state', from: [`${deadLetterChain}${id}`, 0], to: [`${deadLetterChain}${id}`, Infinity] },
    ])
    const text = letters.at(-1)?.commit
    return typeof text === 'string' ? JSON.parse(text) : undefined
  }
}

interface Checked {
  readonly waiting: Waiting
  readonly admission: Admission
  readonly commit: Commit
  readonly text: string
  /** Events of the group that stand before this commit. */
  readonly before: number
}

/** Checks the appends of a group in order; each sees those before it. */
function checkGroup(view: View, group: readonly Waiting[]): readonly Checked[] {
  const staged: Commit[] = []
  let before = 0
  return group.map((waiting): Checked => {
    const { commit, text } = settleExists(view, waiting)
    const admission = admit(view, staged, { ...waiting, commit })
    const checked = { waiting, admission, commit, text, before }
    if (admission.kind === 'admit') {
      staged.push(commit)
      before += commit.events.length
    }
    return checked
  })
}

/** A stream that is confirmed to exist always will: then nothing of `exists` needs to be checked again. */
function settleExists(
  view: View,
  { expected, commit, text }: Waiting,
): { readonly commit: Commit; readonly text: string } {
  const sure = expected.filter(
    ({ stream, version }) => version === 'exists' && view.confirmed.index.countOf(stream) > 0,
  )
  if (sure.length === 0) return { commit, text }
  const { condition, ...rest } = commit
  const streams = condition?.streams?.filter((stream) => !sure.some((one) => one.stream === stream)) ?? []
  const left = { ...condition, ...(streams.length > 0 ? { streams } : {}) }
  if (streams.length === 0) delete left.streams
  const settled: Commit = Object.keys(left).length > 0 ? { ...rest, condition: left } : rest
  return { commit: settled, text: JSON.stringify(settled) }
}

function versionsOfKnown(view: View, commit: Commit, first: number | undefined): readonly number[] {
  const { index } = view.confirmed
  if (first !== undefined) return commit.events.map(({ stream }, at) => index.versionOf(stream, first + at))
  const last = new Map(commit.events.map(({ stream }) => [stream, index.countOf(stream)]))
  for (const item of view.pending.list()) {
    const versions = countOn(last, item.commit)
    if (item.commit.id === commit.id) return versions
  }
  return []
}

const refused = (reason: AppendReason): AppendAnswer => ({ ok: false, reason })

const answerAll = (group: readonly Waiting[], reason: AppendReason): void => {
  for (const { answer } of group) answer(refused(reason))
}
