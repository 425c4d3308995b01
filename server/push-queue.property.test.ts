// Pushes that are settled together are judged as if each had waited for the one before, whatever the store takes of them.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Verdict } from '../src/protocol/sync.ts'
import { type Sketch, toCandidate, toCommit, toSequenced } from './judge.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { defaultLimits, systemClock } from './options.ts'
import { PushQueue } from './push-queue.ts'
import { nothing, sequence } from './sequence.ts'
import { type Push, type Settling, settle } from './settle.ts'
import type { LogStore, SequencedCommit } from './store.ts'

const log = 'cart'
const wide = { commitsMax: 1_000, bytesMax: 1_000_000 }

const name = (letters: string): fc.Arbitrary<string> => fc.constantFrom(...letters)
const tags = fc.uniqueArray(name('xy'), { maxLength: 1 })
const event = fc.record({ stream: name('stuv'), type: name('TU'), tags })
const item = fc.record({ types: fc.array(name('TU'), { maxLength: 1 }), tags }, { requiredKeys: [] })
const condition = fc.record(
  { streams: fc.array(name('stuv'), { maxLength: 1 }), query: fc.array(item, { maxLength: 1 }) },
  { requiredKeys: [] },
)
const content = { content: name('pppq'), events: fc.array(event, { minLength: 1, maxLength: 2 }) }
const logs = fc.uniqueArray(fc.record({ id: name('ABC'), ...content }), { selector: ({ id }) => id, maxLength: 3 })
const run = fc.array(
  fc.record({ id: name('ABCDEFGHIJ'), ...content, condition }, { requiredKeys: ['id', 'content', 'events'] }),
  { minLength: 1, maxLength: 3 },
)
const pushes = fc
  .tuple(fc.boolean(), fc.array(fc.record({ seen: fc.nat(3), run }), { minLength: 3, maxLength: 8 }))
  .map(([isFresh, all]) => all.map(({ seen, run }) => ({ seen: isFresh ? 0 : seen, run })))

interface Stage {
  readonly store: LogStore
  readonly pushes: readonly Push[]
}
async function stage(
  store: LogStore,
  before: readonly Sketch[],
  asked: readonly { seen: number; run: readonly Sketch[] }[],
): Promise<Stage> {
  const stored = toSequenced(before)
  if (stored.length > 0) await store.append(log, 0, stored)
  const ends = [nothing, ...stored.map(({ last, digest }) => ({ position: last, digest }))]
  return {
    store,
    pushes: asked.map(({ seen, run }) => ({
      log,
      name: log,
      seen: ends[Math.min(seen, ends.length - 1)] ?? nothing,
      run: run.map(toCandidate),
    })),
  }
}
const toSettling = (store: LogStore): Settling => ({
  store,
  limits: { ...defaultLimits, attemptsMax: 1_000 },
  pageLimits: wide,
  clock: systemClock,
  observe: undefined,
})
const verdictsOf = async (settled: ReturnType<typeof settle> | undefined): Promise<readonly Verdict[]> => {
  const answer = await settled
  if (answer?.status !== 'verdicts') throw new Error('it was not settled')
  return answer.verdicts
}
const atOnce = ({ store, pushes }: Stage): Promise<readonly (readonly Verdict[])[]> => {
  const queue = new PushQueue(toSettling(store))
  return Promise.all(pushes.map((push) => verdictsOf(queue.settle(push))))
}
const commitsOf = async (store: LogStore): Promise<readonly SequencedCommit[]> =>
  (await store.range(log, 0, wide)).commits

describe('pushes to one log that come at once', () => {
  test('are given the verdicts and the log that they would have one after the other', async () => {
    const met = new Map<string, number>()
    let [appends, accepted] = [0, 0]
    const property = fc.asyncProperty(logs, pushes, async (before, asked) => {
      const inner = memoryStore()
      const counting: LogStore = {
        ...inner,
        append: (...given) => {
          appends++
          return inner.append(...given)
        },
      }
      const [together, apart] = [await stage(counting, before, asked), await stage(memoryStore(), before, asked)]
      const expected: (readonly Verdict[])[] = []
      for (const push of apart.pushes) expected.push(await verdictsOf(settle(push, toSettling(apart.store))))
      expect(await atOnce(together)).toEqual(expected)
      expect(await commitsOf(together.store)).toEqual(await commitsOf(apart.store))
      for (const { verdict } of expected.flat()) met.set(verdict, (met.get(verdict) ?? 0) + 1)
      accepted += expected.filter((verdicts) => verdicts.some(({ verdict }) => verdict === 'accepted')).length
    })
    await fc.assert(property, { numRuns: 500 })
    expect([...met.keys()].sort()).toEqual(['accepted', 'conflict', 'duplicate', 'held'])
    expect(appends).toBeLessThan(accepted)
  })

  test('are told nothing that did not come to be, when the store takes a part or another process is first', async () => {
    let [cuts, races] = [0, 0]
    const fates = fc.array(fc.constantFrom('whole', 'part', 'part', 'rival'), { maxLength: 12 })
    const property = fc.asyncProperty(logs, pushes, fates, async (before, asked, fate) => {
      const inner = memoryStore()
      const due = [...fate]
      let isSet = false
      const store: LogStore = {
        ...inner,
        async append(...[name, head, commits]) {
          const what = isSet ? due.shift() : 'whole'
          if (what === 'rival') {
            races++
            const { position, digest } = await inner.head(log)
            const rival = toCandidate({ id: `rival${due.length}`, events: [{ stream: 's', tags: ['x'] }] })
            if ('text' in rival) await inner.append(name, position, sequence([rival], { position, digest }))
          }
          if (what !== 'part') return inner.append(name, head, commits)
          cuts++
          return inner.append(name, head, commits.slice(0, Math.floor(commits.length / 2)))
        },
      }
      const staged = await stage(store, before, asked)
      isSet = true
      const answers = await atOnce(staged)
      const commits = await commitsOf(inner)
      expect(commits).toMatchObject(
        sequence(
          commits.map((commit) => ({ ...commit, eventsCount: commit.last - commit.first + 1 })),
          nothing,
        ),
      )
      // A device does not push again what it has seen; where one does, it is there twice.
      if (asked.every(({ seen }) => seen === 0)) expect(new Set(commits.map(({ id }) => id)).size).toBe(commits.length)
      for (const [nth, verdicts] of answers.entries())
        mustBeSo(commits, staged.pushes[nth], asked[nth]?.run ?? [], verdicts)
    })
    await fc.assert(property, { numRuns: 500 })
    expect(Math.min(cuts, races)).toBeGreaterThan(100)
  })
})

/** That each verdict is about what is in the log, and that an accepted commit's condition holds against what was there before it. */
function mustBeSo(
  commits: readonly SequencedCommit[],
  push: Push | undefined,
  run: readonly Sketch[],
  verdicts: readonly Verdict[],
): void {
  const seen = push?.seen.position ?? 0
  const own = new Set(run.map((sketch) => toCommit(sketch).contentId))
  for (const [nth, verdict] of verdicts.entries()) {
    const sketch = run[nth] as Sketch
    if (verdict.verdict === 'conflict')
      for (const position of verdict.positions)
        expect(position > seen && commits.some(({ first, last }) => first <= position && position <= last)).toBe(true)
    if (verdict.verdict !== 'accepted' && verdict.verdict !== 'duplicate') continue
    const there = commits.find(({ last }) => last === verdict.position)
    expect(there?.id).toBe(sketch.id)
    if (verdict.verdict === 'duplicate') continue
    expect(there?.contentId).toBe(toCommit(sketch).contentId)
    const { streams = [], query = [] } = sketch.condition ?? {}
    for (const { first, last, contentId, text } of commits) {
      if (first <= seen || last >= verdict.position || own.has(contentId)) continue
      for (const { stream, type, tags = [] } of JSON.parse(text).events as {
        stream: string
        type: string
        tags?: string[]
      }[]) {
        expect(streams).not.toContain(stream)
        const isForbidden = query.some(
          (item) => (item.types ?? [type]).includes(type) && (item.tags ?? []).every((tag) => tags.includes(tag)),
        )
        expect(isForbidden).toBe(false)
      }
    }
  }
}
