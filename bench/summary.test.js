import { describe, expect, test } from 'vitest'
import { differences, fallsBehind, merge, summariseRun } from './summary.js'

const speed = { id: 'speed', text: 'speed', isRatio: true, lowerIsBetter: false, median: 0.8 }
const time = { id: 'time', text: 'time', isRatio: true, lowerIsBetter: true, median: 1.6 }
const baseline = { ratios: [speed, time] }
const withMedian = (ratio, median) => [{ ...ratio, median }]

describe('a comparison with the baseline', () => {
  test.each([
    [speed, 0.65],
    [speed, 5],
    [time, 1.9],
    [time, 0.1],
  ])('passes %o at %d, which is less than a fifth worse', (ratio, median) => {
    expect(fallsBehind(withMedian(ratio, median), baseline)).toEqual([])
  })

  test.each([
    [speed, 0.63, 'speed: speed: 0.63, the baseline has 0.8 (21 % worse)'],
    [time, 2.1, 'time: time: 2.1, the baseline has 1.6 (24 % worse)'],
  ])('names %o at %d, which is more than a fifth worse', (ratio, median, line) => {
    expect(fallsBehind(withMedian(ratio, median), baseline)).toEqual([line])
  })

  test('names each ratio that fell', () => {
    expect(fallsBehind([...withMedian(speed, 0.1), ...withMedian(time, 9)], baseline)).toHaveLength(2)
  })

  test('passes what the baseline does not know', () => {
    expect(fallsBehind([{ ...speed, id: 'new', median: 0.01 }], baseline)).toEqual([])
  })

  test('passes a number that is no ratio: it belongs to its machine', () => {
    const alone = { ...speed, isRatio: false }
    expect(fallsBehind(withMedian(alone, 0.01), { ratios: [alone] })).toEqual([])
  })

  test('is of the same options, but for rounds, seed and what was found', () => {
    const before = { options: { commits: 10, largeEvents: 1, rounds: 5, seed: 1, eventCharacters: 421 } }
    expect(differences({ options: { ...before.options, rounds: 1, seed: 2, eventCharacters: 420 } }, before)).toEqual(
      [],
    )
    expect(differences({ options: { ...before.options, largeEvents: 2, singles: 3 } }, before)).toEqual([
      'largeEvents',
      'singles',
    ])
  })
})

describe('a summary', () => {
  const contenders = [
    { name: 'own', group: 'append', text: 'own' },
    { name: 'slow', group: 'append', text: 'slow' },
    { name: 'fast', group: 'append', text: 'fast' },
  ]
  const roundOf = (own, slow, fast) => ({
    own: { appendMs: own, perSecond: 10 / own, halfPerSecond: 5 / own },
    slow: { appendMs: slow, perSecond: 10 / slow },
    fast: { appendMs: fast, perSecond: 10 / fast },
  })
  const rounds = [roundOf(2, 8, 4), roundOf(4, 8, 4), roundOf(4, 80, 40)]
  const ratioOf = (ratio) => summariseRun(contenders, [{ id: 'one', text: 'one', ...ratio }], rounds).ratios[0]

  test('compares times with the best of the others, round by round, and takes the median', () => {
    const ratio = ratioOf({ measure: 'appendMs', of: 'own', to: ['slow', 'fast'], goal: 0.5 })
    expect(ratio).toMatchObject({ median: 0.5, min: 0.1, max: 1, lowerIsBetter: true, isMet: true })
  })

  test('compares speeds the other way round', () => {
    const ratio = ratioOf({ measure: 'perSecond', of: 'own', to: ['slow', 'fast'], goal: 2.5 })
    expect(ratio).toMatchObject({ median: 2, min: 1, max: 10, lowerIsBetter: false, isMet: false })
  })

  test('compares two measures of one contender', () => {
    const ratio = ratioOf({ measure: 'perSecond', of: 'own', toMeasure: 'halfPerSecond', to: ['own'] })
    expect(ratio).toMatchObject({ median: 2, isRatio: true })
    expect(ratio).not.toHaveProperty('isMet')
  })

  test('says which second group a contender is a part of', () => {
    const [own, slow] = summariseRun([{ ...contenders[0], also: 'model' }, contenders[1]], [], rounds).contenders
    expect(own).toMatchObject({ group: 'append', also: 'model' })
    expect(slow).not.toHaveProperty('also')
  })

  test('leaves out what was not compared because somebody did not run', () => {
    expect(ratioOf({ measure: 'appendMs', of: 'own', to: ['absent'] })).toBeUndefined()
  })
})

describe('a newer result', () => {
  const all = { contenders: [{ name: 'a' }, { name: 'b' }], ratios: [{ id: 'x' }, { id: 'y' }] }
  const resultOf = (contenders, ratios, at) => ({
    options: { commits: 10 },
    contenders: contenders.map((name) => ({ name, at })),
    ratios: ratios.map((id) => ({ id, at })),
  })
  const older = resultOf(['a', 'b', 'gone'], ['x', 'y', 'gone'], 'before')

  test('takes the place of the older one in what ran, and leaves the rest but for what is no more', () => {
    expect(merge(older, resultOf(['b'], ['y'], 'now'), all)).toEqual({
      options: { commits: 10 },
      contenders: [
        { name: 'a', at: 'before' },
        { name: 'b', at: 'now' },
      ],
      ratios: [
        { id: 'x', at: 'before' },
        { id: 'y', at: 'now' },
      ],
    })
  })

  test('takes the place of all of an older one with other options', () => {
    const newer = { ...resultOf(['b'], ['y'], 'now'), options: { commits: 20 } }
    expect(merge(older, newer, all)).toBe(newer)
  })
})
