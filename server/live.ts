import type { LiveEventName, Seen } from '../src/protocol/sync.ts'
import type { HandlerContext } from './context.ts'
import { divergedText, follows, liveHeadText, readPage } from './page.ts'
import { commonHeaders, refuse } from './problems.ts'
import { seenOf } from './routes.ts'
import { createWakes, type Wakes } from './wakes.ts'

/** The live streams of one handler. */
export interface LiveStreams {
  readonly open: (log: string, query: URLSearchParams, signal: AbortSignal) => Response
  /** Ends all of them with `stopped` and refuses new ones. */
  readonly stop: () => void
  readonly count: () => number
}

export function createLiveStreams(context: HandlerContext): LiveStreams {
  const { limits } = context
  const ends = new Set<() => void>()
  let stopped = false
  const open: LiveStreams['open'] = (log, query, signal) => {
    const seen = seenOf(query)
    if (stopped || ends.size >= limits.liveStreamsMax)
      refuse(503, 'live', stopped ? 'The server is stopping' : 'Too many live streams', {
        headers: { 'retry-after': '5' },
      })
    const { wakes, end } = register(log, signal)
    const headers = { ...commonHeaders, 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' }
    return new Response(toStream(frames(context, log, seen, wakes), end, context.onError), { headers })
  }
  const register = (log: string, signal: AbortSignal): { readonly wakes: Wakes; readonly end: () => void } => {
    const wakes = createWakes(context.clock)
    const stopWatching = context.store.watch(log, wakes.moved)
    const end = (): void => {
      if (!ends.delete(end)) return
      stopWatching()
      callOff()
      signal.removeEventListener('abort', end)
      wakes.end()
    }
    ends.add(end)
    const callOff = context.clock.after(limits.liveMsMax, end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    return { wakes, end }
  }
  const stop = (): void => {
    stopped = true
    for (const end of [...ends]) end()
  }
  return { open, stop, count: () => ends.size }
}

const frame = (event: LiveEventName, data: string): string => `event: ${event}\ndata: ${data}\n\n`
const heartbeat = ':\n\n'

/**
 * What the stream says, one frame at a time and only when it is asked for: a client that does not read costs nothing,
 * for nothing is made for it. When it reads again it gets the next page, and, if that is not all, a `head`: the rest is
 * to be pulled, and the stream goes on from that head.
 */
async function* frames(context: HandlerContext, log: string, seen: Seen, wakes: Wakes): AsyncGenerator<string> {
  const { store, limits, pageLimits } = context
  let sent = seen
  // Sent at once, so that the answer's headers go out although nothing may happen for long.
  yield heartbeat
  if (!(await follows(store, log, seen))) {
    yield frame('diverged', divergedText((await store.head(log)).position))
    return
  }
  while (!wakes.ended()) {
    const page = await readPage(store, log, sent, pageLimits)
    if (page.head < sent.position) {
      yield frame('diverged', divergedText(page.head))
      return
    }
    if (page.through.position > sent.position) {
      sent = page.through
      yield frame('page', page.text)
      if (page.head > sent.position) {
        sent = await store.head(log)
        yield frame('head', liveHeadText(sent.position))
      }
      continue
    }
    if ((await wakes.next(limits.heartbeatMs)) === 'heartbeat') yield heartbeat
  }
  yield frame('stopped', liveHeadText(sent.position))
}

/** A stream that queues nothing: each frame is made when the reader has taken the one before. */
function toStream(
  source: AsyncGenerator<string>,
  end: () => void,
  onError: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let cancelled = false
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await source.next()
          if (cancelled) return
          if (done !== true) return controller.enqueue(encoder.encode(value))
          end()
          controller.close()
        } catch (error) {
          end()
          onError(error)
          // The connection breaks without a word about the cause; the client comes back by position.
          if (!cancelled) controller.error(new Error('the live stream failed'))
        }
      },
      cancel() {
        cancelled = true
        end()
      },
    },
    { highWaterMark: 0 },
  )
}
