import { expect, test } from 'vitest'
import { newRandomId } from './ids.ts'

test('ids are all different, short, and of digits and small letters only', () => {
  const ids = Array.from({ length: 10_000 }, newRandomId)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.filter((id) => !/^[0-9a-z]{20,26}$/.test(id))).toEqual([])
})
