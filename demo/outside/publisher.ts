// The harbour office, which takes orders: an outside system, played by the pages of this browser. The worker asks it over
// a channel, one step of an order after the other, as it would ask a server elsewhere.

import type { Publish } from '../automations.ts'
import { newId } from '../new-id.ts'
import { currentMood, type Mood } from './mood.ts'

interface Ask {
  readonly ask: string
  readonly key: string
  readonly step: number
}
interface Answer {
  readonly answer: string
  readonly isTaken: boolean
}

const channelName = 'tidelog-demo-publisher'
const silenceMs = 6_000
const stepMs: Readonly<Record<Mood, number>> = { open: 150, slow: 2_000, closed: 300 }

/** Steps of one order: it is read, checked, signed and filed. */
export const publishSteps = 4

export const publishOutside: Publish = async (_order, { key, signal, progress }) => {
  for (let step = 1; step <= publishSteps; step++) {
    await askOutside(key, step, signal)
    progress(step)
  }
}

/** Resolves when the office has done one step. */
const askOutside = (key: string, step: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const line = new BroadcastChannel(channelName)
    const ask: Ask = { ask: newId(), key, step }
    const end = (problem?: string): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      line.close()
      if (problem === undefined) resolve()
      else reject(new Error(problem))
    }
    const abort = (): void => end('Called off.')
    const timer = setTimeout(() => end('The harbour office does not answer.'), silenceMs)
    line.addEventListener('message', ({ data }: MessageEvent<Partial<Answer>>) => {
      if (data.answer === ask.ask) end(data.isTaken ? undefined : 'The harbour office is closed.')
    })
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    line.postMessage(ask)
  })

/** Plays the harbour office in this page, until the answer is called. When several pages do, the first answer counts. */
export function playPublisher(): () => void {
  const line = new BroadcastChannel(channelName)
  line.addEventListener('message', ({ data }: MessageEvent<Partial<Ask>>) => {
    const { ask } = data
    if (ask === undefined) return
    const mood = currentMood()
    const answer: Answer = { answer: ask, isTaken: mood !== 'closed' }
    setTimeout(() => line.postMessage(answer), stepMs[mood])
  })
  return () => line.close()
}
