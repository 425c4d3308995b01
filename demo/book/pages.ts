// What is written on each page. The same on every device and every time, so that a page is never there twice.

import type { Line } from './model.ts'
import { ports, ships } from './ships.ts'

export const pageCount = 100
export const pageEvents = 1_000
export const bookEvents: number = pageCount * pageEvents

const msPerDay = 86_400_000
const begun = Date.UTC(1903, 0, 1)
const passagesPerDay = 25
const tonnesMin = 40
const tonnesMax = 4_000
/** How much busier the busiest ships are: the n-th comes as often as 1 / (n + evenness). */
const evenness = 10

/** Numbers from 0 to 1 that look random, the same for the same page. */
function createNumbers(page: number): () => number {
  let state = Math.imul(page + 1, 0x9e3779b1) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const rankOf = (number: number): number =>
  Math.floor(evenness * ((ships.length + evenness) / evenness) ** number - evenness)

const dateOf = (passage: number): string =>
  new Date(begun + Math.floor(passage / passagesPerDay) * msPerDay).toISOString().slice(0, 10)

/** The id of a page's commit. */
export const commitIdOf = (page: number): string => `page-${page}`

/** The lines of a page, from 0: passages, and the signature. */
export function linesOf(page: number): readonly Line[] {
  const next = createNumbers(page)
  const passages = Array.from({ length: pageEvents - 1 }, (_, line): Line => {
    const ship = ships[rankOf(next())] ?? ''
    const port = ports[Math.floor(next() * ports.length)] ?? ''
    const bound = next() < 0.5 ? 'in' : 'out'
    const tonnes = tonnesMin + Math.floor(next() ** 2 * (tonnesMax - tonnesMin))
    return { type: 'ShipPassed', data: { ship, port, bound, tonnes, on: dateOf(page * pageEvents + line) } }
  })
  return [...passages, { type: 'PageSigned', data: { page, keeper: page % 2 === 0 ? 'Inger' : 'Tom' } }]
}
