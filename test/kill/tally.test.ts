import { describe, expect, test } from 'vitest'
import { compare, type Entry, nothingWrong, outOfOrder, wrongOf } from './tally.ts'

/** A log from names such as `a0/2`: part 0 of the two parts of commit a. */
const logOf = (...names: readonly string[]): readonly Entry[] =>
  names.map((name, index) => {
    const [commit, part, parts] = [name[0]!, Number(name[1]), Number(name[3])]
    return { commit, part, parts, isIntact: !name.endsWith('!'), stream: 's', version: index + 1, position: index + 1 }
  })
const found = (acknowledged: string, ...names: readonly string[]) => wrongOf(compare(acknowledged, logOf(...names)))

describe('the comparison', () => {
  test('finds nothing wrong with whole commits, acknowledged or not', () => {
    expect(found('ab', 'a0/2', 'a1/2', 'b0/1', 'c0/1')).toEqual(nothingWrong)
  })
  test('finds an acknowledged commit that is not there, or only in part', () => {
    expect(found('ab', 'a0/1')).toEqual({ ...nothingWrong, missing: ['b'] })
    expect(found('a', 'a0/2')).toEqual({ ...nothingWrong, missing: ['a'], half: ['a'] })
  })
  test('finds a commit of which a part is missing, changed, or stands elsewhere', () => {
    expect(found('', 'a1/2').half).toEqual(['a'])
    expect(found('', 'a0/1!').half).toEqual(['a'])
    expect(found('', 'a0/2', 'b0/1', 'a1/2').half).toEqual(['a'])
  })
  test('finds a commit that is there twice, side by side or apart', () => {
    expect(found('a', 'a0/1', 'a0/1')).toEqual({ ...nothingWrong, doubled: ['a'] })
    expect(found('a', 'a0/2', 'a1/2', 'b0/1', 'a0/2', 'a1/2')).toEqual({ ...nothingWrong, doubled: ['a'] })
  })
  test('finds a gap in versions or positions', () => {
    const log = logOf('a0/1', 'b0/1', 'c0/1')
    expect(outOfOrder(log)).toEqual([])
    expect(outOfOrder(log.toSpliced(1, 1))).toHaveLength(1)
    expect(outOfOrder(log.map((entry) => ({ ...entry, position: entry.position! + 1 })))).toHaveLength(3)
    expect(outOfOrder(log.with(0, { ...log[0]!, position: undefined }))).not.toEqual([])
  })
})
