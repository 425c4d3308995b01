// Random histories of a device, what can be seen of a view after them, and the rules of a rebase written a second time.
import fc from 'fast-check'
import type { Commit } from '../core/commit.ts'
import { conditionToSelectors, matches } from '../core/query.ts'
import { takePage } from './confirm.ts'
import { deciders, executeOf } from './deciders.fixture.ts'
import { type Browser, callOf, commitOf, openTab, Sequence, type Tab } from './log.fixture.ts'
import { rebase, takeRejected, withdraw } from './rebase.ts'
import { seal } from './seal.ts'
import type { View } from './view.ts'

const shorts = ['s1', 's2', 't1', 't2', 'u1'] as const
const selectors = [{ stream: 's' }, { types: ['T2'] }, { tags: ['on:t'] }, {}] as const

/** Everything that a reader or a writer can see of a view, the older markers included, sealed or not. */
export async function summaryOf(view: View): Promise<unknown> {
  const { confirmed, sealed } = view
  const events: unknown[] = []
  for await (const some of sealed.matching([{}], { after: 0, through: sealed.head.position }))
    events.push(...some.map(({ commit }) => [commit.head.id, commit.revision]))
  for (const at of confirmed.matching([{}], { after: 0, through: confirmed.head.position }))
    events.push([confirmed.commitAt(at).id, confirmed.revisionAt(at)])
  const markers = Array.from({ length: view.revision + 1 - view.floor }, (_, at) => ({
    database: view.identity,
    revision: view.floor + at,
    confirmed: 0,
  }))
  const streams = ['s', 't', 'u']
  const countOf = await view.confirmedCounts(streams)
  const dead = await Promise.all(
    [...view.dead].map(async (id) => ((await view.positionOf(id)) === undefined ? id : [])),
  )
  return {
    revision: view.revision,
    head: confirmed.head,
    events,
    versions: [...(await view.versionsOf(streams))].map(([stream, version]) => [countOf(stream), version]),
    pending: [...view.pending.list()].map((item) => [
      item.commit,
      item.revision,
      view.pending.touched.has(item),
      [...view.foreignTo(item)],
    ]),
    // The letter of one that was withdrawn and confirmed nevertheless says so; the commit is not dead.
    dead: dead.flat().sort(),
    settled: [...view.settled].sort(),
    changed: await Promise.all(markers.flatMap((marker) => selectors.map((one) => view.changedSince([one], marker)))),
  }
}

/** One thing that happens to a device, by what it picks at random. */
export interface Step {
  readonly kind: 'append' | 'pull' | 'rebase' | 'reject' | 'execute' | 'withdraw' | 'seal' | 'seal'
  readonly picks: readonly number[]
}
export const historiesOf = (...kinds: readonly Step['kind'][]): fc.Arbitrary<readonly Step[]> => {
  const picks = fc.array(fc.nat(99), { minLength: 6, maxLength: 6 })
  return fc.array(fc.record({ kind: fc.constantFrom(...kinds), picks }), { maxLength: 14 })
}
export const histories = historiesOf('append', 'append', 'pull', 'pull', 'rebase', 'reject')
/** The oracle knows nothing of what is decided again. */
export const historiesWithCommands = historiesOf('append', 'execute', 'execute', 'pull', 'rebase', 'reject', 'withdraw')

/** The rules of a rebase written a second time, as in the model: flags on a list, no revisions, no rows. */
export class Oracle {
  queue: { readonly commit: Commit; touched: boolean }[] = []
  confirmed: string[] = []
  dead = new Set<string>()

  readonly #looksAt = (reader: Commit, other: Commit): boolean => {
    const looked = conditionToSelectors(reader.condition)
    return looked.length > 0 && other.events.some((event) => matches(looked, event))
  }
  takeOut(at: number): void {
    const [gone] = this.queue.splice(at, 1)
    for (const item of this.queue.slice(at)) if (gone && this.#looksAt(item.commit, gone.commit)) item.touched = true
  }
  pull(commit: Commit): void {
    const at = this.queue.findIndex((item) => item.commit.id === commit.id)
    const isSame = this.queue[at]?.commit.contentId === commit.contentId
    if (at >= 0) isSame ? this.queue.splice(at, 1) : this.takeOut(at)
    const isOwn = isSame && at === 0
    if (!isOwn) for (const item of this.queue) if (this.#looksAt(item.commit, commit)) item.touched = true
    this.dead.delete(commit.id)
    this.confirmed.push(commit.id)
  }
  rebase(): void {
    const gone: Commit[] = []
    this.queue = this.queue.filter(({ commit, touched }) => {
      if (!touched && !gone.some((other) => this.#looksAt(commit, other))) return true
      gone.push(commit)
      this.dead.add(commit.id)
      return false
    })
  }
}

/** Does the same to a tab and to the oracle. */
export class Device {
  readonly #log = new Sequence()
  readonly oracle = new Oracle()
  readonly #tab: Tab
  #count = 0
  constructor(tab: Tab) {
    this.#tab = tab
  }

  async take({ kind, picks: [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] }: Step): Promise<void> {
    const { engine } = this.#tab
    if (kind === 'append') return this.#append(a, [b, c].slice(0, 1 + (d % 2)), e, f)
    if (kind === 'seal') {
      await seal(engine, {
        from: 1 + (a % 3),
        max: 4 + (b % 12),
        smallMax: 1 + (c % 2),
        keptRows: 0,
        heldTextMin: 200 * (b % 4),
      })
      return
    }
    if (kind === 'execute') return this.#execute(a, b, c)
    if (kind === 'withdraw') {
      const item = this.oracle.queue[a % Math.max(1, this.oracle.queue.length)]
      if (item !== undefined) await withdraw(engine, item.commit.id)
      return
    }
    if (kind === 'rebase') {
      await rebase(engine)
      return this.oracle.rebase()
    }
    if (kind === 'reject') {
      const item = this.oracle.queue[a % Math.max(1, this.oracle.queue.length)]
      if (item === undefined) return
      const { id, contentId } = item.commit
      await takeRejected(engine, [{ id, contentId, problem: { type: 'p', title: 'No' } }])
      this.oracle.takeOut(this.oracle.queue.indexOf(item))
      this.oracle.dead.add(id)
      return
    }
    const commits = [a, b, c].slice(0, 1 + (d % 3)).map((pick, nth) => this.#toSequence(pick, nth, e + f))
    const isFresh = (commit: Commit, at: number): boolean =>
      !this.oracle.confirmed.includes(commit.id) && commits.findIndex(({ id }) => id === commit.id) === at
    const page = commits.filter(isFresh)
    await takePage(engine, this.#log.add(...page))
    for (const commit of page) this.oracle.pull(commit)
  }

  async #append(condition: number, events: readonly number[], on: number, kind: number): Promise<void> {
    this.#count += 1
    const short = events.map((pick) => shorts[pick % shorts.length] ?? 's1')
    const after = this.#tab.engine.view.marker
    const failIfEventsMatch = [
      { tags: { on: 'stu'.charAt(on % 3) } },
      { types: [`T${1 + (kind % 2)}`] },
      { tags: { on: 'stu'.charAt(on % 3), kind: String(1 + (kind % 2)) } },
    ][condition % 4]
    const id = `own${this.#count}`
    await this.#tab.append(callOf(id, short, failIfEventsMatch === undefined ? {} : { failIfEventsMatch, after }))
    this.#noteMade(id)
  }

  async #execute(kind: number, on: number, to: number): Promise<void> {
    this.#count += 1
    const id = `own${this.#count}`
    const rule = (['sees', 'first', 'only-if-empty'] as const)[kind % 3] ?? 'sees'
    await this.#tab.append(executeOf(id, { kind: rule, on: 'stu'.charAt(on % 3), to: 'stu'.charAt(to % 3) }))
    this.#noteMade(id)
  }

  #noteMade(id: string): void {
    const made = this.#tab.engine.view.pending.get(id)?.commit
    if (made !== undefined) this.oracle.queue.push({ commit: made, touched: false })
  }

  /** A commit for the sequencer to take: a pending one as it is, one with other content, a refused one, or a foreign one. */
  #toSequence(pick: number, nth: number, seed: number): Commit {
    this.#count += 1
    const { queue, dead } = this.oracle
    const event = shorts[(pick + seed) % shorts.length] ?? 's1'
    const item = queue[Math.floor(pick / 4) % Math.max(1, queue.length)]
    const foreign = commitOf(`foreign${this.#count}`, [event])
    if (pick % 4 === 0 && nth < queue.length) return queue[nth]?.commit ?? foreign
    if (pick % 4 === 1) return item?.commit ?? foreign
    if (pick % 4 === 2 && item !== undefined)
      return { ...commitOf(item.commit.id, [event]), contentId: `other${this.#count}` }
    if (pick % 16 === 3 && dead.size > 0) return commitOf([...dead][0] ?? '', [event])
    return foreign
  }
}

export const play = async (
  browser: Browser,
  steps: readonly Step[],
): Promise<{ readonly tab: Tab; readonly device: Device }> => {
  const tab = await openTab(browser, { deciders })
  const device = new Device(tab)
  for (const one of steps) await device.take(one)
  return { tab, device }
}
