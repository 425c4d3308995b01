import type { LiveEventName, Seen } from '../src/protocol/sync.ts'
import type { HandlerContext } from './context.ts'
import { divergedText, follows, liveHeadText } from './page.ts'
import { commonHeaders } from './problems.ts'
import { type Asked, seenOf } from './routes.ts'
import type { Waiter, Waiters } from './waiters.ts'
import type { Sleeper, Wake } from './wakes.ts'

/** `GET {log}/live?position=…&digest=…`: the commits that follow as server-sent events, for as long as they come. */
export function live({ query, ...who }: Asked, waiters: Waiters, context: HandlerContext): Response {
  const { requestId } = who
  const { position, digest } = seenOf(query)
  // What was cut out of an address keeps the whole of it, for as long as the stream says nothing.
  const seen = { position, digest: [...digest].join('') }
  const waiter = waiters.stream(who)
  const headers = { ...commonHeaders, 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' }
  const source = new Frames(context, { requestId, seen, waiter })
  const response = new Response(toStream(source), { headers })
  sources.set(response, source)
  return response
}

/** What a live stream says, for whoever asks. */
export interface LiveSource {
  /** The frame that is due: `''` when there is none until {@link wait} calls back, `undefined` when no more will come. Rejects when the stream breaks. */
  readonly take: () => Promise<string | undefined>
  /** Calls back once when a frame may be due. */
  readonly wait: (listener: LiveListener) => void
  /** Ends it from outside; must be called when nobody listens any more. */
  readonly end: () => void
}
export interface LiveListener {
  readonly due: () => void
}
const sources = new WeakMap<Response, LiveSource>()
/** What feeds the body of a live answer, for an adapter with a lighter way to write than a Web stream: one or the other. */
export const liveSourceOf = (response: Response): LiveSource | undefined => sources.get(response)

const frame = (event: LiveEventName, data: string): string => `event: ${event}\ndata: ${data}\n\n`
const heartbeat = ':\n\n'

interface Following {
  readonly requestId: string | undefined
  readonly seen: Seen
  readonly waiter: Waiter
}

/**
 * What the stream says, one frame at a time and only when it is asked for: a client that does not read costs nothing,
 * for nothing is made for it. When it reads again it gets the next page, if that is small, and, if that is not all, a
 * `head`: the rest is to be pulled, and the stream goes on from that head.
 *
 * While it waits no promise is pending, and no function stands still: thousands wait at one time, and each would keep its
 * registers meanwhile.
 */
class Frames implements LiveSource, Sleeper {
  readonly #context: HandlerContext
  readonly #requestId: string | undefined
  readonly #waiter: Waiter
  #sent: Seen
  #next: 'opening' | 'look' | 'page' | 'head' | 'nothing' = 'opening'
  #hasToBeat = false
  #listener: LiveListener | undefined

  constructor(context: HandlerContext, { requestId, seen, waiter }: Following) {
    this.#context = context
    this.#requestId = requestId
    this.#waiter = waiter
    this.#sent = seen
  }

  async take(): Promise<string | undefined> {
    try {
      const text = await this.#make()
      if (text !== undefined) return text
      if (this.#next !== 'nothing') return ''
      this.end()
      return undefined
    } catch (error) {
      this.end()
      this.#context.onError(error, this.#requestId)
      // The connection breaks without a word about the cause; the client comes back by position.
      throw new Error('the live stream failed')
    }
  }

  wait(listener: LiveListener): void {
    if (this.#waiter.wakes.sleep(this) === undefined) this.#listener = listener
    else listener.due()
  }

  woken(why: Wake): void {
    const listener = this.#listener
    this.#listener = undefined
    this.#hasToBeat = why === 'heartbeat'
    listener?.due()
  }

  end(): void {
    this.#waiter.end()
  }

  /** The frame that is due; `undefined` when there is nothing to say now, or for good. */
  #make(): Promise<string | undefined> | string | undefined {
    if (this.#hasToBeat) {
      this.#hasToBeat = false
      return heartbeat
    }
    switch (this.#next) {
      case 'opening':
        // Sent at once, so that the answer's headers go out although nothing may happen for long.
        this.#next = 'look'
        return heartbeat
      case 'look':
        return this.#look()
      case 'page':
        return this.#waiter.wakes.ended() ? this.#last('stopped', liveHeadText(this.#sent.position)) : this.#page()
      case 'head':
        return this.#head()
      case 'nothing':
        return undefined
    }
  }

  async #look(): Promise<string | undefined> {
    const { store } = this.#context
    this.#next = 'page'
    if (await follows(store, this.#waiter.log, this.#sent)) return this.#make()
    return this.#last('diverged', divergedText((await store.head(this.#waiter.log)).position))
  }

  async #page(): Promise<string | undefined> {
    const { limits, livePageLimits } = this.#context
    const page = await this.#waiter.read(this.#sent, livePageLimits)
    if (page.head < this.#sent.position) return this.#last('diverged', divergedText(page.head))
    if (page.through.position === this.#sent.position) return undefined
    // A first commit that alone is larger is left to a pull, like all that a page has no room for.
    if (page.text.length > limits.liveBytesMax) return this.#head()
    this.#sent = page.through
    if (page.head > this.#sent.position) this.#next = 'head'
    return frame('page', page.text)
  }

  async #head(): Promise<string> {
    this.#sent = await this.#context.store.head(this.#waiter.log)
    this.#next = 'page'
    return frame('head', liveHeadText(this.#sent.position))
  }

  #last(event: LiveEventName, text: string): string {
    this.#next = 'nothing'
    return frame(event, text)
  }
}

/** A stream that queues nothing: each frame is made when the reader has taken the one before. */
function toStream(source: LiveSource): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let cancelled = false
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          let text = await source.take()
          for (; text === ''; text = await source.take()) await new Promise<void>((due) => source.wait({ due }))
          if (cancelled) return
          if (text === undefined) controller.close()
          else controller.enqueue(encoder.encode(text))
        } catch (error) {
          if (!cancelled) controller.error(error)
        }
      },
      cancel() {
        cancelled = true
        source.end()
      },
    },
    { highWaterMark: 0 },
  )
}
