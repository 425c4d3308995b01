import type { Progress } from 'tidelog/transfer'
import { count, toNumber } from './words.ts'

/** A number and what it counts stay on one line. */
const together = '\u00a0'

const timeToWords = (ms: number): string => {
  const seconds = Math.ceil(ms / 1_000)
  return seconds < 90 ? `${seconds}${together}s` : `${Math.ceil(seconds / 60)}${together}min`
}

const exactMax = 1_000
const roundedTo = 100

/** Events per second; the last digits of a large rate would only flicker. */
export const rateToWords = (perSecond: number): string => {
  const step = perSecond > exactMax ? roundedTo : 1
  return `${toNumber(Math.round(perSecond / step) * step)} a second`
}

const farToWords = ({ done, total }: Progress): string =>
  total === undefined ? count(done, 'event') : `${toNumber(done)} of ${toNumber(total)}`

const leftToWords = ({ remainingMs }: Progress): string =>
  remainingMs !== undefined && remainingMs > 0 ? `, ${timeToWords(remainingMs)}${together}left` : ''

/** How far a job is, and how long it will still take, as far as that is known. */
export const restToWords = (progress: Progress): string => farToWords(progress) + leftToWords(progress)

/** The same, and how fast it goes. */
export function progressToWords(progress: Progress): string {
  const { perSecond } = progress
  const fast = perSecond > 0 ? `, ${rateToWords(perSecond)}` : ''
  return farToWords(progress) + fast + leftToWords(progress)
}
