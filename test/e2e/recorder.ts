// A server that is told of each event that a tab handles, and of each tab that freezes; it may keep a tab waiting.
import type { SyncHandler } from 'tidelog/server'

export interface Recorder {
  readonly handler: SyncHandler
  /** Positions that a tab has begun to handle, in order. */
  readonly handled: (log: string, tab: string) => readonly number[]
  /** How often tabs of a log froze. */
  readonly frozen: (log: string) => number
  /** A tab that tells of this position is not answered for now. */
  readonly hold: (log: string, tab: string, position: number) => void
  /** Answers whoever waits. */
  readonly letGo: () => void
}

export function startRecorder(): Recorder {
  const handled = new Map<string, number[]>()
  const held = new Set<string>()
  let waiting: (() => void)[] = []
  const record = async (request: Request): Promise<Response> => {
    const [, , log, tab, position] = new URL(request.url).pathname.split('/')
    const by = `${log}/${tab}`
    handled.set(by, [...(handled.get(by) ?? []), Number(position)])
    if (held.has(`${by}/${position}`)) await new Promise<void>((resolve) => waiting.push(resolve))
    return new Response(null, { status: 204 })
  }
  return {
    handler: Object.assign(record, { basePath: '/handled', stop: () => {}, liveCount: () => waiting.length }),
    handled: (log, tab) => handled.get(`${log}/${tab}`) ?? [],
    frozen: (log) => handled.get(`${log}/frozen`)?.length ?? 0,
    hold: (log, tab, position) => void held.add(`${log}/${tab}/${position}`),
    letGo: () => {
      held.clear()
      for (const answer of waiting) answer()
      waiting = []
    },
  }
}
