// What the page says of the outside world.

import type { TaskState, Translator } from 'tidelog/automation'
import { type Order, publishTries } from '../automations.ts'
import { count, toMoney } from '../words.ts'
import type { Mood } from './mood.ts'

export type Reception = Awaited<ReturnType<Translator['receive']>>

/** What became of a message. */
export const receptionToWords: Readonly<Record<Reception, string>> = {
  taken: 'Taken: it is a fact now.',
  passed: 'Passed over: it changes nothing.',
  bypassed: 'Passed by: its offset was here before.',
  recorded: 'Not understood. It is kept below.',
}

export const moodToWords: Readonly<Record<Mood, string>> = {
  open: 'The harbour office is open: it takes orders at once.',
  slow: 'The harbour office is slow: it takes its time.',
  closed: 'The harbour office is closed: it takes nothing.',
}

export const statusToWords: Readonly<Record<TaskState['status'], string>> = {
  waiting: 'Waiting',
  running: 'Running',
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
}

/** What a task is about. Its input was checked when it was planned. */
export const orderOf = ({ input }: TaskState): Order => input as Order

export const orderToWords = ({ cartId, things, total }: Order): string =>
  `Cart ${cartId}: ${count(things, 'thing')} for ${toMoney(total)}`

/** How often a task was tried, and when it is tried again. */
export function triesToWords({ status, attempts, dueAt }: TaskState, now: number): string {
  const tries = attempts === 0 ? 'Not tried yet' : `Try ${attempts} of ${publishTries}`
  if (status !== 'waiting') return tries
  const seconds = Math.ceil((dueAt - now) / 1_000)
  return seconds > 0 ? `${tries}. Again in ${seconds}\u00a0s` : `${tries}. Next in a moment`
}
