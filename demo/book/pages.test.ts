import { describe, expect, test } from 'vitest'
import { linesOf, pageCount, pageEvents } from './pages.ts'
import { ships, shipsLike, toShipName } from './ships.ts'

describe('a page of the harbour book', () => {
  test('is the same on every device, and unlike every other', () => {
    expect(linesOf(7)).toEqual(linesOf(7))
    const texts = Array.from({ length: pageCount }, (_, page) => JSON.stringify(linesOf(page)))
    expect(new Set(texts).size).toBe(pageCount)
  })

  test('ends with its signature, and its days follow those of the page before', () => {
    for (const page of [0, 1, pageCount - 1]) {
      const lines = linesOf(page)
      expect(lines).toHaveLength(pageEvents)
      expect(lines.flatMap(({ type }, at) => (type === 'PageSigned' ? [at] : []))).toEqual([pageEvents - 1])
      expect(lines.at(-1)?.data).toMatchObject({ page })
    }
    const days = [...linesOf(3), ...linesOf(4)].flatMap(({ type, data }) => (type === 'ShipPassed' ? [data.on] : []))
    expect(days).toEqual([...days].sort())
  })

  test('has few busy ships, and very many that come seldom', () => {
    const counts = new Map<string, number>()
    for (let page = 0; page < pageCount; page++)
      for (const { type, data } of linesOf(page))
        if (type === 'ShipPassed') counts.set(data.ship, (counts.get(data.ship) ?? 0) + 1)
    const falling = [...counts.values()].sort((a, b) => b - a)
    expect(falling.length).toBeGreaterThan(2_500)
    expect(falling[0]).toBeGreaterThan(1_000)
    expect(falling[Math.floor(falling.length / 2)]).toBeLessThan(30)
    expect([...counts.keys()].filter((ship) => !ships.includes(ship))).toEqual([])
  })
})

describe('a ship', () => {
  test('has a name of its own', () => expect(new Set(ships).size).toBe(ships.length))
  test('is found whatever the case and the spaces', () => {
    expect(toShipName('  grey   HERON ')).toBe('Grey Heron')
    expect(toShipName('Nobody')).toBe('Nobody')
  })
  test('is offered by any part of its name', () => {
    expect(shipsLike('ey heR', 12)).toContain('Grey Heron')
    expect(shipsLike('', 3)).toHaveLength(3)
  })
})
