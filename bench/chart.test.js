import { expect, test } from 'vitest'
import { toChart } from './chart.js'

const ratio = { text: 'append ÷ <raw> & more', median: 0.35, goal: 0.7, isMet: false, lowerIsBetter: false }
const resultOf = (ratios, largeEvents = 100) => ({ ratios, options: { largeEvents } })
const barOf = (chart) => Number(/<rect class="(?:met|missed)" x="[\d.]+" y="\d+" width="([\d.]+)"/.exec(chart)?.[1])

test('a chart says of each ratio with a goal how it stands, for signs of markup too', () => {
  const chart = toChart([resultOf([ratio, { text: 'watched', median: 1, lowerIsBetter: false }])])
  expect(chart).toContain('append ÷ &#60;raw&#62; &#38; more')
  expect(chart).toContain('0.35, goal ≥ 0.7: missed')
  expect(chart).not.toContain('watched')
})

test('a chart draws half of a goal as long as twice a goal, and nothing longer than its scale', () => {
  const half = barOf(toChart([resultOf([ratio])]))
  expect(half).toBeGreaterThan(0)
  expect(barOf(toChart([resultOf([{ ...ratio, median: 1.4, isMet: true }])]))).toBe(half)
  expect(barOf(toChart([resultOf([{ ...ratio, lowerIsBetter: true }])]))).toBe(half)
  expect(barOf(toChart([resultOf([{ ...ratio, median: 700, isMet: true }])]))).toBeCloseTo(2 * half)
})

test('a chart names the size of a log that is not the usual one', () => {
  expect(toChart([resultOf([]), resultOf([ratio], 5000)])).toContain('5000 events: append')
})
