import type { LiveEventName, Seen } from '../src/protocol/sync.ts'
import type { HandlerContext } from './context.ts'
import { divergedText, follows, liveHeadText, readPage } from './page.ts'
import { commonHeaders } from './problems.ts'
import { type Asked, seenOf } from './routes.ts'
import type { Waiters } from './waiters.ts'
import type { Wakes } from './wakes.ts'

/** `GET {log}/live?position=…&digest=…`: the commits that follow as server-sent events, for as long as they come. */
export function live({ query, ...who }: Asked, waiters: Waiters, context: HandlerContext): Response {
  const seen = seenOf(query)
  const { wakes, end } = waiters.join(who, context.limits.liveMsMax)
  const headers = { ...commonHeaders, 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' }
  return new Response(toStream(frames(context, who.log, seen, wakes), end, context.onError), { headers })
}

const frame = (event: LiveEventName, data: string): string => `event: ${event}\ndata: ${data}\n\n`
const heartbeat = ':\n\n'

/**
 * What the stream says, one frame at a time and only when it is asked for: a client that does not read costs nothing,
 * for nothing is made for it. When it reads again it gets the next page, if that is small, and, if that is not all, a
 * `head`: the rest is to be pulled, and the stream goes on from that head.
 */
async function* frames(context: HandlerContext, log: string, seen: Seen, wakes: Wakes): AsyncGenerator<string> {
  const { store, limits, pageLimits } = context
  const bounds = { ...pageLimits, bytesMax: Math.min(pageLimits.bytesMax, limits.liveBytesMax) }
  let sent = seen
  // Sent at once, so that the answer's headers go out although nothing may happen for long.
  yield heartbeat
  if (!(await follows(store, log, seen))) {
    yield frame('diverged', divergedText((await store.head(log)).position))
    return
  }
  while (!wakes.ended()) {
    const page = await readPage(store, log, sent, bounds)
    if (page.head < sent.position) {
      yield frame('diverged', divergedText(page.head))
      return
    }
    if (page.through.position > sent.position) {
      // A first commit that alone is larger is left to a pull, like all that a page has no room for.
      if (page.text.length <= limits.liveBytesMax) {
        sent = page.through
        yield frame('page', page.text)
      }
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
