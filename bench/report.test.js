import { describe, expect, test } from 'vitest'
import { toMarkdown } from './report.js'

const measured = (value) => ({ median: value, min: value, max: value })
const contenderOf = (name, group, measures, also) => ({
  name,
  group,
  ...(also && { also }),
  text: `what ${name} does`,
  measures: Object.fromEntries(Object.entries(measures).map(([measure, value]) => [measure, measured(value)])),
})
const sectionOf = (title, contenders) =>
  toMarkdown({ options: {}, contenders, ratios: [], sizes: [] })
    .split('## ')
    .find((section) => section.startsWith(title))

const raw = contenderOf('raw', 'large', { scanPerSecond: 5 }, 'model')
const fold = contenderOf('fold', 'model', { foldPerSecond: 4 })
const rows = contenderOf('rows', 'model', { rowsPerSecond: 3 })

describe('a section', () => {
  test('has those of another group that are a part of it, too', () => {
    expect(sectionOf('Models', [raw, fold])).toMatch(/what raw does.*what fold does/s)
  })

  test('is left out where none of its own group ran', () => {
    expect(sectionOf('Models', [raw])).toBeUndefined()
  })

  test('leaves out who has measured none of it', () => {
    expect(sectionOf('Models', [fold, rows])).not.toContain('what rows does')
    expect(sectionOf('Rows', [fold, rows])).not.toContain('what fold does')
    expect(sectionOf('Rows', [fold, rows])).toContain('what rows does')
  })
})
