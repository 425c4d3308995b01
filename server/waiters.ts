import { Alarms, type Sleeping } from './alarms.ts'
import { type Audience, createAudience } from './audience.ts'
import type { HandlerContext } from './context.ts'
import type { WaitEvent } from './observe.ts'
import { refuse } from './problems.ts'
import { Wakes } from './wakes.ts'

/** One who waits for a log to grow. */
export interface Waiter {
  /** As all who wait for it hold it: what was cut out of a request keeps the whole of its address. */
  readonly log: string
  readonly wakes: Wakes
  /** A page of the log as it is now; read once for all who wait behind the same position. */
  readonly read: Audience['read']
  /** Leaves; whoever joined must call it in the end. */
  readonly end: () => void
}

/** Who is to wait for which log. */
export interface Joining {
  readonly log: string
  /** Whose waiters are counted together. */
  readonly client: string | undefined
  readonly requestId: string | undefined
  readonly signal: AbortSignal
}

/** All who wait for a log of one handler to grow: live streams and long polls. */
export class Waiters {
  readonly #context: HandlerContext
  readonly #all = new Set<Waiting>()
  readonly #countOf = new Map<string, number>()
  readonly #audiences = new Map<string, Audience>()
  readonly #heartbeats: Alarms
  readonly #streamEnds: Alarms
  #isStopped = false

  constructor(context: HandlerContext) {
    this.#context = context
    this.#heartbeats = new Alarms(context.clock, context.limits.heartbeatMs)
    this.#streamEnds = new Alarms(context.clock, context.limits.liveMsMax)
  }

  get count(): number {
    return this.#all.size
  }

  /** A live stream: heartbeats wake it, and it ends after the longest time that one may last. Else as {@link poll}. */
  stream(who: Joining): Waiter {
    const waiting = this.#join('live', who, new Wakes(this.#heartbeats))
    this.#streamEnds.set(waiting)
    return endWith(waiting, who.signal)
  }

  /** A long poll. Ends by itself after `msMax`, when the signal aborts, and when all are stopped; throws a problem when too many wait. */
  poll(who: Joining, msMax: number): Waiter {
    const waiting = this.#join('pull', who, new Wakes())
    waiting.callOff = this.#context.clock.after(msMax, () => waiting.end())
    return endWith(waiting, who.signal)
  }

  /** Ends all of them and refuses new ones. */
  stop(): void {
    this.#isStopped = true
    for (const waiting of [...this.#all]) waiting.end()
  }

  #join(route: WaitEvent['route'], { log, client, requestId }: Joining, wakes: Wakes): Waiting {
    const { limits, store, observe } = this.#context
    if (this.#isStopped || this.#all.size >= limits.liveStreamsMax)
      refuse(503, 'live', this.#isStopped ? 'The server is stopping' : 'Too many live streams', {
        headers: { 'retry-after': '5' },
      })
    const own = client === undefined ? 0 : (this.#countOf.get(client) ?? 0)
    if (own >= limits.clientStreamsMax)
      refuse(429, 'too-many-streams', 'Too many live streams of one client', { headers: { 'retry-after': '5' } })
    if (client !== undefined) this.#countOf.set(client, own + 1)
    const audience = this.#audiences.get(log) ?? createAudience(store, log)
    this.#audiences.set(log, audience)
    audience.add(wakes)
    const waiting = new Waiting(this, { route, client, requestId }, wakes, audience)
    this.#all.add(waiting)
    observe?.({ type: 'wait-began', requestId, route })
    return waiting
  }

  /** Called by whoever ends. */
  leave(waiting: Waiting): void {
    if (!this.#all.delete(waiting)) return
    const { wakes, who, audience } = waiting
    this.#uncount(who.client)
    if (audience.remove(wakes)) this.#audiences.delete(audience.log)
    this.#streamEnds.clear(waiting)
    waiting.callOff?.()
    wakes.end()
    this.#context.observe?.({ type: 'wait-ended', requestId: who.requestId, route: who.route })
  }

  #uncount(client: string | undefined): void {
    if (client === undefined) return
    const left = (this.#countOf.get(client) ?? 0) - 1
    if (left > 0) this.#countOf.set(client, left)
    else this.#countOf.delete(client)
  }
}

type Who = Omit<Joining, 'signal' | 'log'> & { readonly route: WaitEvent['route'] }

class Waiting implements Waiter, Sleeping {
  readonly #waiters: Waiters
  readonly who: Who
  readonly wakes: Wakes
  readonly audience: Audience
  callOff: (() => void) | undefined

  constructor(waiters: Waiters, who: Who, wakes: Wakes, audience: Audience) {
    this.#waiters = waiters
    this.who = who
    this.wakes = wakes
    this.audience = audience
  }

  get log(): string {
    return this.audience.log
  }
  read(...asked: Parameters<Audience['read']>): ReturnType<Audience['read']> {
    return this.audience.read(...asked)
  }
  end(): void {
    this.#waiters.leave(this)
  }
  ring(): void {
    this.end()
  }
}

function endWith(waiting: Waiting, signal: AbortSignal): Waiter {
  // Never taken back: whoever waits would hold the signal, and with it the request, for as long as that.
  signal.addEventListener('abort', () => waiting.end())
  if (signal.aborted) waiting.end()
  return waiting
}
