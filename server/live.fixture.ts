import type { Clock } from '../src/core/ports.ts'
import type { Seen } from '../src/protocol/sync.ts'
import { json, origin } from './handler.fixture.ts'
import { nothing } from './sequence.ts'

/** A clock that stands until it is moved. */
export interface ManualClock extends Clock {
  readonly advance: (ms: number) => void
  readonly timersCount: () => number
}
export function manualClock(): ManualClock {
  let time = 0
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>()
  return {
    now: () => time,
    after: (ms, callback) => {
      const timer = { at: time + ms, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance: (ms) => {
      const until = time + ms
      for (;;) {
        const [next] = [...timers].sort((a, b) => a.at - b.at)
        if (next === undefined || next.at > until) break
        timers.delete(next)
        time = next.at
        next.callback()
      }
      time = until
    },
    timersCount: () => timers.size,
  }
}

export const liveRequest = (seen: Seen = nothing, signal?: AbortSignal, log = 'cart'): Request =>
  new Request(`${origin}/sync/${log}/live?position=${seen.position}&digest=${seen.digest}`, {
    headers: json,
    ...(signal === undefined ? {} : { signal }),
  })

/** One thing that a live stream said. */
export interface Said {
  readonly event: string
  readonly data?: unknown
}

/** Reads a live stream frame by frame. */
export function listen(response: Response): {
  readonly next: () => Promise<Said | undefined>
  readonly cancel: () => Promise<void>
} {
  if (response.body === null) throw new Error('no body')
  const reader = response.body.getReader()
  // No stream between: it would read ahead of the test.
  const decoder = new TextDecoder()
  let text = ''
  const next = async (): Promise<Said | undefined> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const frame = text.slice(0, end)
        text = text.slice(end + 2)
        return toSaid(frame)
      }
      const { done, value } = await reader.read()
      if (done) return undefined
      text += decoder.decode(value, { stream: true })
    }
  }
  return { next, cancel: () => reader.cancel() }
}

function toSaid(frame: string): Said {
  if (frame.startsWith(':')) return { event: 'heartbeat' }
  const [, event = '', data = 'null'] = /^event: (\w+)\ndata: (.*)$/.exec(frame) ?? []
  return { event, data: JSON.parse(data) }
}
