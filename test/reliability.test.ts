// The page of what the long runs have found is made from the figures that are kept, and by nobody's hand.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { merge, render } from '../scripts/reliability-table.js'

const kept = JSON.parse(readFileSync('docs/reference/reliability.json', 'utf8'))

test('the table says what the figures say', () => {
  expect(readFileSync('docs/reference/reliability.md', 'utf8')).toBe(render(kept))
})

test('a later run takes the place of an earlier one of the same kind, and of no other', () => {
  const row = { fault: 'a', activity: 'b', engine: 'c', durability: 'd', rounds: 1 }
  const { kills } = merge(
    { kills: [row, { ...row, fault: 'z' }], fuzz: [], engines: [] },
    { kills: [{ ...row, rounds: 2 }] },
  )
  expect(kills).toEqual([
    { ...row, rounds: 2 },
    { ...row, fault: 'z' },
  ])
})
