import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Sketch, toCandidate, toCommit, toTail } from './judge.fixture.ts'
import { judge } from './judge.ts'

/** The rule of the protocol once more, written apart and without an index: a list, and a scan for each question. */
function reference(log: readonly Sketch[], run: readonly Sketch[]): string[] {
  const stored = log.map((sketch) => ({ ...toCommit(sketch), own: false }))
  const verdicts: string[] = []
  let latest = -1
  let stopped = false
  for (const sketch of run) {
    const commit = toCommit(sketch)
    if (sketch.rejected === true) {
      verdicts.push('rejected')
      stopped = true
    } else if (stopped) verdicts.push('held')
    else {
      const at = stored.findIndex(({ id }) => id === commit.id)
      const twin = stored[at]
      const { streams = [], query = [] } = commit.condition ?? {}
      const hit = stored.some(
        ({ own, events }) =>
          !own &&
          events.some(
            ({ stream, type, tags = [] }) =>
              streams.includes(stream) ||
              query.some(
                (item) => (item.types ?? [type]).includes(type) && (item.tags ?? []).every((t) => tags.includes(t)),
              ),
          ),
      )
      if (twin !== undefined) {
        verdicts.push('duplicate')
        stopped = twin.contentId !== commit.contentId || at < latest
        twin.own = true
        latest = Math.max(latest, at)
      } else if (hit) {
        verdicts.push('conflict')
        stopped = true
      } else {
        verdicts.push('accepted')
        latest = stored.push({ ...commit, own: true }) - 1
      }
    }
  }
  return verdicts
}

const name = (letters: string): fc.Arbitrary<string> => fc.constantFrom(...letters)
const tags = fc.uniqueArray(name('xyz'), { maxLength: 2 })
const event = fc.record({ stream: name('stu'), type: name('TU'), tags })
const item = fc.record({ types: fc.array(name('TU'), { maxLength: 2 }), tags }, { requiredKeys: [] })
const condition = fc.record(
  { streams: fc.array(name('stu'), { maxLength: 2 }), query: fc.array(item, { maxLength: 2 }) },
  { requiredKeys: [] },
)
const content = { content: name('ppq'), events: fc.array(event, { minLength: 1, maxLength: 2 }) }
const logs = fc.uniqueArray(fc.record({ id: name('ABCDE'), ...content }), { selector: ({ id }) => id, maxLength: 4 })
const rejected = fc.integer({ min: 0, max: 9 }).map((n) => n === 0)
const runs = fc.array(
  fc.record({ id: name('ABCDE'), ...content, condition, rejected }, { requiredKeys: ['id', 'content', 'events'] }),
  { maxLength: 5 },
)

test('judges every run as the rule of the protocol does', () => {
  const met = new Map<string, number>()
  fc.assert(
    fc.property(logs, runs, (log, run) => {
      const { verdicts, accepted } = judge(run.map(toCandidate), toTail(log))
      const words = verdicts.map(({ verdict }) => verdict)
      expect(words).toEqual(reference(log, run))
      expect(accepted).toHaveLength(words.filter((word) => word === 'accepted').length)
      for (const word of words) met.set(word, (met.get(word) ?? 0) + 1)
    }),
    { numRuns: 1_000 },
  )
  // The generator is worth something only when it meets them all.
  expect([...met.keys()].sort()).toEqual(['accepted', 'conflict', 'duplicate', 'held', 'rejected'])
})
