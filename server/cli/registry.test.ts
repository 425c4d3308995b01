import { describe, expect, test } from 'vitest'
import { parseMetrics, sampleOf } from './metrics.fixture.ts'
import { createMetrics } from './metrics.ts'
import { createRegistry } from './registry.ts'

describe('metrics', () => {
  test('are told in the text format, whatever is in their labels', () => {
    const registry = createRegistry()
    registry.counter('a_total', 'One\nand \\ another', ['x', 'y']).add(['"q"\n\\', 'ü'], 2)
    registry.gauge('b', 'B').set(-1.5)
    const seconds = registry.histogram('c_seconds', 'C', [0.1, 1], ['route'])
    for (const value of [0.05, 0.1, 0.5, 3]) seconds.observe(value, ['r'])
    const families = parseMetrics(registry.text())
    expect(sampleOf(families, 'a_total', { x: '"q"\n\\', y: 'ü' })).toBe(2)
    expect(sampleOf(families, 'b')).toBe(-1.5)
    const below = ['0.1', '1', '+Inf'].map((le) => sampleOf(families, 'c_seconds_bucket', { route: 'r', le }))
    expect(below).toEqual([2, 3, 4])
    expect(sampleOf(families, 'c_seconds_sum', { route: 'r' })).toBeCloseTo(3.65)
    expect(families.get('a_total')?.help).toBe('One\\nand \\\\ another')
  })
  test('of a process that has done nothing are there already', () => {
    const families = parseMetrics(createMetrics('1.2.3').text())
    expect(sampleOf(families, 'tidelog_build_info', { version: '1.2.3', node: process.versions.node })).toBe(1)
    for (const verdict of ['accepted', 'duplicate', 'conflict', 'rejected', 'held'])
      expect(families.get('tidelog_verdicts_total')?.samples).toContainEqual({
        name: 'tidelog_verdicts_total',
        labels: { verdict },
        value: 0,
      })
    expect(sampleOf(families, 'process_resident_memory_bytes')).toBeGreaterThan(1_000_000)
    expect(sampleOf(families, 'process_cpu_seconds_total')).toBeGreaterThan(0)
  })
  test('that are not in the text format are noticed', () => {
    const head = '# HELP a_total A\n# TYPE a_total counter\n'
    for (const wrong of [
      'a_total 1\n',
      `${head}a_total 1`,
      `${head}a_total x\n`,
      `${head}a_total{x="1} 1\n`,
      `${head}a_total{x="1",} 1\n`,
      `${head}a_total 1\na_total 2\n`,
      `${head}b_total 1\n`,
      `${head}a_total -1\n`,
      '# HELP a A\n# TYPE a counter\na 1\n',
      '# TYPE a gauge\na 1\n',
      '# HELP a A\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
      '# HELP a A\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
    ])
      expect(() => parseMetrics(wrong), wrong).toThrow(/not the text format/)
  })
})
