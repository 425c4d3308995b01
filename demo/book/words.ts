// What the harbour book says, in plain words.

import { isTidelogError } from 'tidelog'
import type { Imported } from 'tidelog/transfer'
import { rateToWords } from '../progress-words.ts'
import { count, toNumber } from '../words.ts'
import type { Found } from './find.ts'
import type { Passage } from './model.ts'
import { PageRefused } from './page-refused.ts'
import { bookEvents, pageEvents } from './pages.ts'

/** The button that fills the book, by how many pages are missing. */
export function fillToWords(missing: number): string {
  if (missing === 0) return 'All pages are in'
  const left = toNumber(missing * pageEvents)
  return missing * pageEvents === bookEvents ? `Import ${left} events` : `Go on: ${left} events to come`
}

const tookToWords = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

export const filledToWords = (events: number, ms: number): string =>
  `${count(events, 'event')} written in ${tookToWords(ms)}, ${rateToWords((events * 1_000) / ms)}.`

export const exportedToWords = (events: number, bytes: number): string =>
  `${count(events, 'event')} in a file of ${(bytes / 1e6).toFixed(1)} MB.`

/** `added` are the events that were not in the book before. */
export function importedToWords({ events, refused }: Imported, added: number, ms: number): string {
  const news = added === events ? 'all of them new' : `${toNumber(added)} of them new`
  const left =
    refused.length === 0 ? '' : ` ${count(refused.length, 'commit')} did not fit: the book has others by the same name.`
  return `${count(events, 'event')} read in ${tookToWords(ms)}, ${news}.${left}`
}

/** Why a job ended early. What it had done by then stays. */
export function failureToWords(error: unknown): string {
  if (error instanceof DOMException && error.name === 'AbortError') return 'Stopped. What is in the book stays.'
  if (error instanceof PageRefused) return refusalToWords(error)
  if (isTidelogError(error, 'tidelog/argument'))
    return 'That is no whole export of a log. What came before the flaw is in the book.'
  if (isTidelogError(error, 'tidelog/storage-lost')) return noRoom
  return error instanceof Error ? error.message : String(error)
}

const noRoom = 'This device has no room for more. What is in the book stays.'

function refusalToWords({ reason }: PageRefused): string {
  if (reason.type === 'StorageFull') return noRoom
  if (reason.type === 'StorageUnavailable') return 'This browser gives the book no storage, so nothing was written.'
  return reason.message
}

export function foundToWords(ship: string, { events, among, ms }: Found): string {
  if (among === 0) return 'The book is empty. Import something first.'
  return `${ship}: found ${toNumber(events)} of ${toNumber(among)} in ${ms.toFixed(1)} ms.`
}

/** Where a ship came from, or went. */
export const passageToWords = ({ data: { bound, port } }: Passage): string =>
  bound === 'in' ? `From ${port}` : `To ${port}`

/** Which passages are listed below, when not all of them are. */
export const newestToWords = (listed: number, events: number): string =>
  listed < events ? `The newest ${listed}:` : ''
