import type { SyncStatus } from 'tidelog'
import type { Progress } from 'tidelog/transfer'
import { restToWords } from './progress-words.ts'
import { count } from './words.ts'

/** How the state is meant: it chooses the colour and the icon, never the words. */
export type Mood = 'calm' | 'busy' | 'waiting' | 'paused' | 'trouble'
export interface SyncWords {
  readonly mood: Mood
  readonly title: string
  readonly detail: string
}

const safe = (pending: number): string =>
  pending === 0 ? 'Nothing is waiting to be sent.' : `${count(pending, 'change')} safe on this device.`

const keptToWords = (pending: number): string => (pending === 0 ? '' : ` ${safe(pending)}`)

const tryAgain = ({ retryAt }: SyncStatus, now: number): string => {
  if (retryAt === undefined) return ''
  const seconds = Math.ceil((retryAt - now) / 1000)
  return seconds > 0 ? ` Next try in ${seconds} s.` : ' Trying again.'
}

/** From here on, to catch up takes long enough to be shown. */
const behindMin = 2_000

/** Whether so much is yet to be fetched that its progress is worth showing. */
export const isFarBehind = ({ state, confirmed, serverHead }: SyncStatus): boolean =>
  (state === 'live' || state === 'working') && serverHead - confirmed > behindMin

const connected = (status: SyncStatus, progress: Progress | undefined): SyncWords => {
  // Before that, nothing can be sent.
  if (progress !== undefined && isFarBehind(status))
    return { mood: 'busy', title: 'Catching up', detail: `${restToWords(progress)}.${keptToWords(status.pending)}` }
  if (status.synced) return { mood: 'calm', title: 'All confirmed', detail: 'The server has everything.' }
  if (status.pending > 0) return { mood: 'busy', title: 'Sending', detail: safe(status.pending) }
  return { mood: 'busy', title: 'Catching up', detail: 'Fetching what others did.' }
}

/** Errors by their stable type; the message of any other is the server's own. */
const known: Readonly<Record<string, string>> = {
  network: 'The server can’t be reached.',
  timeout: 'The server did not answer in time.',
  silent: 'The connection fell silent.',
  'not-a-tidelog-answer': 'Something else than the sync server answered.',
  'no-progress': 'The server took nothing.',
  'needs-newer-app': 'A newer version of this app has been used here. Please reload.',
  'needs-decider': 'A pending change needs a rule that this page does not have. Reload, or take it back.',
  'update-needed': 'A newer version of the shop was here first. Reload, or take back what is pending.',
  'decider-failed': 'A rule of the shop failed on a pending change. Take it back, or wait for a new version.',
}

/** Why the last try failed and how many have, or nothing when none did. */
export function errorToWords({ lastError, failures }: SyncStatus): string | undefined {
  if (lastError === undefined) return undefined
  const why = known[lastError.type] ?? lastError.message
  return failures > 1 ? `${why} Tried ${failures} times.` : why
}

/** One line and a bit for the state of sync; `progress` is how far the log has followed its server. */
export function syncToWords(status: SyncStatus, now: number, progress?: Progress): SyncWords {
  switch (status.state) {
    case 'live':
    case 'working':
      return connected(status, progress)
    case 'starting':
      return { mood: 'busy', title: 'Connecting', detail: safe(status.pending) }
    case 'waiting':
      return { mood: 'waiting', title: 'Server out of reach', detail: safe(status.pending) + tryAgain(status, now) }
    case 'paused':
      return { mood: 'paused', title: 'Working offline', detail: safe(status.pending) }
    case 'off':
      return { mood: 'paused', title: 'No server', detail: 'This log stays on this device.' }
    case 'needs-credentials':
      return { mood: 'trouble', title: 'Please sign in again', detail: safe(status.pending) }
    case 'needs-attach':
      return { mood: 'trouble', title: 'Not attached yet', detail: safe(status.pending) }
    case 'forbidden':
      return {
        mood: 'trouble',
        title: 'Not yours any more',
        detail: `The server refuses this log.${keptToWords(status.pending)}`,
      }
    case 'client-too-old':
      return {
        mood: 'trouble',
        title: 'Please update',
        detail: `The server wants a newer app.${keptToWords(status.pending)}`,
      }
    case 'diverged':
      return {
        mood: 'trouble',
        title: 'The server has another log',
        detail: 'Nothing here is lost. Follow it, and what is yours comes along.',
      }
    case 'blocked':
      return { mood: 'trouble', title: 'Held up', detail: safe(status.pending) }
    case 'stopped':
      return {
        mood: 'trouble',
        title: 'The server refuses',
        detail: errorToWords(status) ?? 'The server did not say why.',
      }
  }
}
