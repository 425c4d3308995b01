import { describe, expect, test } from 'vitest'
import { type Sketch, toCandidate, toTail } from './judge.fixture.ts'
import { judge } from './judge.ts'

const judged = (log: readonly Sketch[], run: readonly Sketch[]): string[] =>
  judge(run.map(toCandidate), toTail(log)).verdicts.map((verdict) =>
    verdict.verdict === 'conflict' ? `conflict ${verdict.positions.join(',')}` : verdict.verdict,
  )

describe('a run', () => {
  test('is accepted where nothing after seen touches it, at the positions behind the head', () => {
    const log = [{ id: 'x', events: [{ stream: 'a' }, { stream: 'b' }] }]
    const run = [
      { id: 'A', events: [{ stream: 'c' }, { stream: 'c' }], condition: { streams: ['c'] } },
      { id: 'B', condition: { query: [{ types: ['Gone'] }] } },
    ]
    const { verdicts, accepted } = judge(run.map(toCandidate), toTail(log))
    expect(verdicts).toEqual([
      { id: 'A', verdict: 'accepted', position: 4 },
      { id: 'B', verdict: 'accepted', position: 5 },
    ])
    expect(accepted.map(({ id }) => id)).toEqual(['A', 'B'])
  })
  test('fences at a conflict: nothing behind it is accepted, not even without a condition', () => {
    const log = [{ id: 'x', events: [{ stream: 'a' }] }]
    expect(judged(log, [{ id: 'A', condition: { streams: ['a'] } }, { id: 'B' }])).toEqual(['conflict 1', 'held'])
  })
  test('fences at a rejected commit, and rejects another one behind the fence', () => {
    expect(judged([], [{ id: 'A' }, { id: 'B', rejected: true }, { id: 'C' }, { id: 'D', rejected: true }])).toEqual([
      'accepted',
      'rejected',
      'held',
      'rejected',
    ])
  })
})

describe('a condition', () => {
  const touching = (id: string): Sketch => ({ id, events: [{ stream: 'a' }], condition: { streams: ['a'] } })

  test('lets pass what stands earlier in the same run, whether it is new or a duplicate', () => {
    expect(judged([], [touching('A'), touching('B')])).toEqual(['accepted', 'accepted'])
    expect(judged([touching('A')], [touching('A'), touching('B')])).toEqual(['duplicate', 'accepted'])
  })
  test('forbids what stands later in the same run, and what the same device pushed in another run', () => {
    // The log holds B, which stands behind A in this run: A was decided anew after B had been accepted.
    expect(judged([touching('B')], [touching('A'), touching('B')])).toEqual(['conflict 1', 'held'])
    expect(judged([touching('A')], [touching('B')])).toEqual(['conflict 1'])
  })
  test('matches by stream, by type, by all tags of an item, and by any of the items', () => {
    const log: Sketch[] = [
      {
        id: 'x',
        events: [
          { stream: 'a', type: 'T', tags: ['k:1', 'k:2'] },
          { stream: 'b', type: 'U', tags: ['k:1'] },
        ],
      },
    ]
    const by = (condition: Sketch['condition']): string | undefined =>
      judged(log, [{ id: 'A', ...(condition === undefined ? {} : { condition }) }])[0]
    expect(by({ streams: ['b', 'b'] })).toBe('conflict 2')
    expect(by({ query: [{ types: ['T', 'T'] }] })).toBe('conflict 1')
    expect(by({ query: [{ tags: ['k:1', 'k:2'] }] })).toBe('conflict 1')
    expect(by({ query: [{ tags: ['k:1'] }, { types: ['T'] }] })).toBe('conflict 1,2')
    expect(by({ query: [{ types: ['U'], tags: ['k:2'] }] })).toBe('accepted')
    expect(by({ query: [{}] })).toBe('conflict 1,2')
    expect(by({ query: [{ types: [] }] })).toBe('accepted')
    expect(by({})).toBe('accepted')
    expect(by(undefined)).toBe('accepted')
  })
  test('names at most a hundred positions', () => {
    const log = [{ id: 'x', events: Array.from({ length: 300 }, () => ({ stream: 'a' })) }]
    const [verdict] = judge([toCandidate(touching('A'))], toTail(log)).verdicts
    expect(verdict).toMatchObject({ verdict: 'conflict', positions: Array.from({ length: 100 }, (_, i) => i + 1) })
  })
})

describe('a duplicate', () => {
  test('is told by its id and answers where it lies', () => {
    const log = [{ id: 'x' }, { id: 'A', events: [{ stream: 'a' }, { stream: 'a' }] }]
    const run = [{ id: 'A', events: [{ stream: 'a' }, { stream: 'a' }] }]
    expect(judge(run.map(toCandidate), toTail(log)).verdicts).toEqual([{ id: 'A', verdict: 'duplicate', position: 3 }])
  })
  test('is never appended again', () => {
    expect(judge([toCandidate({ id: 'A' }), toCandidate({ id: 'A' })], toTail([])).accepted).toHaveLength(1)
  })
  test('of other content fences', () => {
    expect(judged([{ id: 'A', content: 'q' }], [{ id: 'A', content: 'p' }, { id: 'B' }])).toEqual(['duplicate', 'held'])
    expect(judged([], [{ id: 'A' }, { id: 'A', content: 'q' }, { id: 'B' }])).toEqual(['accepted', 'duplicate', 'held'])
  })
  test('that lies before an earlier commit of the run fences', () => {
    const run = [{ id: 'A' }, { id: 'B' }, { id: 'C' }]
    expect(judged([{ id: 'B' }, { id: 'A' }], run)).toEqual(['duplicate', 'duplicate', 'held'])
    expect(judged([{ id: 'B' }], run)).toEqual(['accepted', 'duplicate', 'held'])
  })
})
