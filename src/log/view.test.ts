import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Commit } from '../core/commit.ts'
import { conditionToSelectors, matches } from '../core/query.ts'
import { takeRows } from './catch-up.ts'
import { takePage } from './confirm.ts'
import { deciders, executeOf } from './deciders.fixture.ts'
import {
  type Browser,
  callOf,
  commitOf,
  createBrowser,
  openTab,
  pendingIds,
  quiet,
  rowsOf,
  Sequence,
  type Tab,
} from './log.fixture.ts'
import { rebase, takeRejected, withdraw } from './rebase.ts'
import { View } from './view.ts'

const shorts = ['s1', 's2', 't1', 't2', 'u1'] as const
const selectors = [{ stream: 's' }, { types: ['T2'] }, { tags: ['on:t'] }, {}] as const

/** Everything that a reader or a writer can see of a view, the older markers included. */
function summaryOf(view: View): unknown {
  const { head, index } = view.confirmed
  const positions = [...view.confirmed.matching([{}], { after: 0, through: head.position })]
  const markers = Array.from({ length: view.revision + 1 }, (_, revision) => ({
    database: view.identity,
    revision,
    confirmed: 0,
  }))
  return {
    revision: view.revision,
    reordered: view.reordered,
    head,
    confirmed: positions.map((at) => [view.confirmed.commitAt(at).id, view.confirmed.revisionAt(at)]),
    versions: ['s', 't', 'u'].map((stream) => [index.countOf(stream), view.versionOf(stream)]),
    pending: [...view.pending.list()].map((item) => [
      item.commit,
      item.revision,
      view.pending.touched.has(item),
      [...view.foreignTo(item)],
    ]),
    // The letter of one that was withdrawn and confirmed nevertheless says so; the commit is not dead.
    dead: [...view.dead].filter((id) => view.confirmed.positionOf(id) === undefined).sort(),
    settled: [...view.settled].sort(),
    changed: markers.map((marker) => selectors.map((one) => view.changedSince([one], marker))),
  }
}

/** One thing that happens to a device, by what it picks at random. */
interface Step {
  readonly kind: 'append' | 'pull' | 'rebase' | 'reject' | 'execute' | 'withdraw'
  readonly picks: readonly number[]
}
const historiesOf = (...kinds: readonly Step['kind'][]): fc.Arbitrary<readonly Step[]> => {
  const picks = fc.array(fc.nat(99), { minLength: 6, maxLength: 6 })
  return fc.array(fc.record({ kind: fc.constantFrom(...kinds), picks }), { maxLength: 14 })
}
const histories = historiesOf('append', 'append', 'pull', 'pull', 'rebase', 'reject')
/** The oracle knows nothing of what is decided again. */
const historiesWithCommands = historiesOf('append', 'execute', 'execute', 'pull', 'rebase', 'reject', 'withdraw')

/** The rules of a rebase written a second time, as in the model: flags on a list, no revisions, no rows. */
class Oracle {
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
class Device {
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

const play = async (
  browser: Browser,
  steps: readonly Step[],
): Promise<{ readonly tab: Tab; readonly device: Device }> => {
  const tab = await openTab(browser, { deciders })
  const device = new Device(tab)
  for (const one of steps) await device.take(one)
  return { tab, device }
}

describe('a view', () => {
  test('is the same whichever way its rows came: written, heard, missed, one by one, or from disk', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(histories, historiesWithCommands), fc.nat(6), async (steps, lose) => {
        const browser = createBrowser()
        let said = 0
        const hearing = await openTab(browser)
        browser.channels.isLost = () => lose > 0 && ++said % (lose + 1) === 0
        const { tab } = await play(browser, steps)
        await quiet()
        await hearing.engine.catchUp()
        const expected = summaryOf(tab.engine.view)
        expect(summaryOf(hearing.engine.view)).toEqual(expected)
        expect(summaryOf((await openTab(browser)).engine.view)).toEqual(expected)
        const slow = new View('db')
        const [records] = await tab.engine.store.run([{ op: 'range', store: 'log' }])
        for (const row of await rowsOf(tab)) takeRows(slow, [row], records)
        for (const id of slow.dead) if (!tab.engine.view.dead.has(id)) slow.dead.delete(id)
        expect(summaryOf(slow)).toEqual(expected)
      }),
      { numRuns: 120 },
    )
  })

  test('holds what the rules of the rebase leave, in the order of the device', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        const { tab, device } = await play(createBrowser(), [...steps, { kind: 'rebase', picks: [] }])
        const { oracle } = device
        expect(pendingIds(tab)).toEqual(oracle.queue.map(({ commit }) => commit.id))
        expect([...tab.engine.view.dead].sort()).toEqual([...oracle.dead].sort())
        const { view } = tab.engine
        for (const id of oracle.confirmed) expect(view.confirmed.positionOf(id)).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
  })

  test('says of each pending commit at each step whether it can stand', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        const tab = await openTab(createBrowser())
        const device = new Device(tab)
        for (const one of steps) {
          await device.take(one)
          const { view } = tab.engine
          const touched = [...view.pending.list()].map((item) => view.pending.touched.has(item))
          expect(touched).toEqual(device.oracle.queue.map((item) => item.touched))
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('a row', () => {
  test('of a newer app makes the view read-only, and nothing behind it is taken', () => {
    const view = new View('db')
    const append = { kind: 'append', format: 1, commits: JSON.stringify([commitOf('a', ['s1'])]) } as const
    expect(view.take({ ...append, revision: 1 })).toBe(true)
    const newer = { kind: 'erase', revision: 2, format: 1, stream: 's' } as unknown as Parameters<View['take']>[0]
    expect(view.take(newer)).toBe(false)
    expect(view.needsNewerApp).toBe(true)
    expect(view.revision).toBe(1)
  })

  test('that is known is not taken again, and one behind a gap is refused', () => {
    const view = new View('db')
    const append = { kind: 'append', format: 1, commits: JSON.stringify([commitOf('a', ['s1'])]) } as const
    view.take({ ...append, revision: 1 })
    view.take({ ...append, revision: 1 })
    expect([view.revision, view.pending.size]).toEqual([1, 1])
    expect(() => view.take({ ...append, revision: 3 })).toThrow(
      expect.objectContaining({ code: 'tidelog/storage-lost' }),
    )
    expect([view.revision, view.pending.size]).toEqual([1, 1])
  })

  test('that is a stub silences the view until what settled its commits is read', () => {
    const view = new View('db')
    view.take({ kind: 'stub', revision: 1, format: 1, by: 2 })
    expect(view.answers).toBe(false)
    const through = { position: 0, digest: view.confirmed.head.digest }
    view.take({ kind: 'pull', revision: 2, format: 1, from: 0, through, settled: ['a'], own: ['a'], takenOut: [] })
    expect(view.answers).toBe(true)
  })

  test('that brings confirmed commits waits for their records', () => {
    const view = new View('db')
    const through = { position: 1, digest: '0123456789abcdef' }
    const row = { kind: 'pull', revision: 1, format: 1, from: 0, through, settled: [], own: [], takenOut: [] } as const
    expect(view.take(row)).toBe(false)
    expect(view.revision).toBe(0)
    const commits = JSON.stringify([commitOf('x', ['s1'])])
    view.takeRecords([{ last: 1, first: 1, format: 1, commits, revisions: [1], digest: through.digest }], 1)
    expect(view.take(row)).toBe(true)
    expect(view.confirmed.head).toEqual(through)
  })

  test('that moved the log ends the writing', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser)
    await tab.append(callOf('a', ['s1']))
    const row = { kind: 'moved', revision: 2, format: 1, to: 'elsewhere' } as const
    await tab.engine.store.run([{ op: 'add', store: 'writes', row }], { write: true })
    await tab.engine.catchUp()
    const [answer] = await tab.append(callOf('b', ['s1']))
    expect(answer).toMatchObject({
      ok: false,
      reason: { type: 'UpdateNeeded', message: expect.stringContaining('elsewhere') },
    })
  })
})
