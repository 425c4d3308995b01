import type { Fetch } from '../../src/core/ports.ts'
import type { Chaos } from './chaos.ts'
import { Pipe, Realm, type Scheduler } from './scheduler.ts'
import type { SimServer, WireAnswer, WireHead, WireRequest } from './server.ts'

const lostFor = 10 * 60_000

/** One device's line to the server. */
export class Line {
  isUp = true
  /** Hears how far the log went when an answer was made that reaches the device. */
  onHead: (head: number) => void = nothing
  readonly #scheduler: Scheduler
  readonly #chaos: Chaos
  readonly #server: SimServer
  readonly #wire: Realm
  /** What is sent takes so much longer than what is asked for. */
  uplinkMs = 0
  /** On some lines many requests come late, or twice. */
  readonly #lateness: number
  /** Live streams that were opened before this many hushes are silent. */
  #hushes = 0
  /** What hears of it when the line is cut. */
  readonly #under = new Set<() => void>()

  constructor(scheduler: Scheduler, chaos: Chaos, server: SimServer, name: string) {
    this.#scheduler = scheduler
    this.#chaos = chaos
    this.#server = server
    this.#wire = new Realm(scheduler, `line of ${name}`)
    this.#lateness = chaos.dice.pick([1, 1, 1, 6])
  }

  cut(): void {
    this.isUp = false
    for (const breakOff of [...this.#under]) breakOff()
  }
  mend(): void {
    this.isUp = true
  }
  /** Works without a fault from now on. */
  heal(): void {
    this.isUp = true
    this.uplinkMs = 0
  }
  /** Nothing comes any more on the live streams that are open, and nobody is told. */
  hush(): void {
    this.#chaos.tally.count('lines hushed')
    this.#hushes += 1
  }

  /** The line as one worker uses it. */
  of(realm: Realm): Fetch {
    return async (request) => {
      const { url, method } = request
      const body = method === 'POST' ? await request.text() : undefined
      const gone = new AbortController()
      const wired = { url, method, headers: Object.fromEntries(request.headers), body, gone: gone.signal }
      return new Promise((resolve, reject) => {
        const exchange = new Exchange(this.#scheduler, realm, resolve, reject)
        const breakOff = (): void => {
          realm.post(0, () => exchange.fail(new TypeError('the line is cut')))
          gone.abort()
        }
        this.#under.add(breakOff)
        exchange.onOver = () => this.#under.delete(breakOff)
        request.signal.addEventListener('abort', () => {
          exchange.fail(new DOMException('aborted', 'AbortError'))
          gone.abort()
        })
        // A page or worker that dies takes its connections along.
        realm.onDeath(() => {
          this.#under.delete(breakOff)
          gone.abort()
        })
        if (request.signal.aborted) exchange.fail(new DOMException('aborted', 'AbortError'))
        else this.#send(wired, exchange)
      })
    }
  }

  #send(request: WireRequest, exchange: Exchange): void {
    const { dice } = this.#chaos
    if (!this.isUp) {
      this.#chaos.tally.count('requests on a cut line')
      exchange.failLater(new TypeError('nobody is there'), dice.skewed(1, 3_000))
      return
    }
    const isLive = request.url.includes('/live')
    this.#scheduler.say(() => `${this.#wire.name}: ${request.method} ${request.url} ${request.body ?? ''}`)
    if (this.#chaos.strikes('answers of somebody else', 0.02)) portal(exchange, dice.below(4), this.delay())
    else if (this.#chaos.strikes('answers 503', 0.02)) busy(exchange, this.delay())
    else if (this.#chaos.strikes('requests lost', 0.03)) this.#lose(exchange)
    else this.#carry(request, exchange, isLive)
  }

  /** Brings a request to the server, sooner or later, once or twice. */
  #carry(request: WireRequest, exchange: Exchange, isLive: boolean): void {
    const { dice } = this.#chaos
    const answer = isLive ? this.#liveAnswer(exchange) : this.#answer(exchange)
    let ms = this.delay() + (request.method === 'POST' ? this.uplinkMs : 0)
    if (this.#chaos.strikes('requests delayed', 0.03 * this.#lateness)) ms += dice.skewed(1_000, 120_000)
    this.#wire.post(ms, () => this.#server.receive(request, answer))
    if (isLive || !this.#chaos.strikes('requests doubled', 0.05 * this.#lateness)) return
    // The copy is answered to nobody, or first.
    const copyAnswer = dice.chance(0.5) ? answer : silence
    const copyMs = dice.chance(0.5) ? ms + dice.skewed(0, 300) : dice.skewed(0, 200_000)
    this.#wire.post(copyMs, () => this.#server.receive(request, copyAnswer))
  }

  /** A timer of the client's, or an error after a while. */
  #lose(exchange: Exchange): void {
    const isSilent = this.#chaos.dice.chance(0.5)
    exchange.failLater(new TypeError('the connection broke'), isSilent ? lostFor : this.#chaos.dice.skewed(10, 20_000))
  }

  #answer(exchange: Exchange): WireAnswer {
    return {
      ...silence,
      whole: (head, body) => {
        if (!this.isUp) return
        if (this.#chaos.strikes('answers lost', 0.05)) return this.#lose(exchange)
        const isCut = this.#chaos.strikes('answers cut short', 0.02)
        const text = isCut ? body.slice(0, this.#chaos.dice.below(body.length)) : body
        countVerdicts(text, this.#chaos)
        this.#scheduler.say(() => `${this.#wire.name}: ${head.status} ${text}`)
        const told =
          isCut || !text.includes('"status":"page"') ? undefined : [...text.matchAll(/"head":(\d+)/g)].at(-1)?.[1]
        exchange.answer(head, text, this.delay(), () => this.onHead(Number(told ?? 0)))
      },
      broke: () => exchange.failLater(new TypeError('the connection was reset'), this.delay()),
    }
  }

  #liveAnswer(exchange: Exchange): WireAnswer {
    let isBroken = false
    const hushes = this.#hushes
    const isSilent = (): boolean => isBroken || hushes !== this.#hushes
    return {
      ...silence,
      whole: (head, body) => exchange.answer(head, body, this.delay()),
      head: (head) => exchange.stream(head, this.delay()),
      chunk: (bytes) => {
        if (!this.isUp) return
        isBroken ||= this.#chaos.strikes('live streams silent', 0.02)
        if (isSilent()) return
        if (this.#chaos.strikes('live streams broken', 0.03)) {
          exchange.chunk(bytes.slice(0, this.#chaos.dice.below(bytes.length)), this.delay())
          return exchange.failLater(new TypeError('the connection broke'), 0)
        }
        this.#scheduler.say(() => `${this.#wire.name}: live ${new TextDecoder().decode(bytes)}`)
        exchange.chunk(bytes, this.delay())
      },
      end: () => {
        if (!isSilent()) exchange.end(this.delay())
      },
      broke: () => {
        if (!isSilent()) exchange.failLater(new TypeError('the connection was reset'), this.delay())
      },
    }
  }

  delay(): number {
    return this.#chaos.dice.skewed(2, this.#chaos.isOn ? 2_000 : 20)
  }
}

const nothing = (): void => {}
const silence: WireAnswer = { whole: nothing, head: nothing, chunk: nothing, end: nothing, broke: nothing }

function portal(exchange: Exchange, kind: number, ms: number): void {
  const html = { 'content-type': 'text/html' }
  const ours = { 'content-type': 'application/json', 'tidelog-protocol': '1' }
  if (kind === 0) exchange.answer({ status: 200, headers: html }, '<html>Sign in</html>', ms)
  else if (kind === 1) exchange.answer({ status: 403, headers: html }, '<html>Pay</html>', ms)
  else if (kind === 2) exchange.answer({ status: 500, headers: html }, 'oops', ms)
  else exchange.answer({ status: 200, headers: ours }, '{"protocol":1,"status":"fine"}', ms)
}

const busy = (exchange: Exchange, ms: number): void =>
  exchange.answer(
    { status: 503, headers: { 'tidelog-protocol': '1', 'retry-after': '2' } },
    '{"type":"busy","title":"Busy"}',
    ms,
  )

function countVerdicts(text: string, { tally }: Chaos): void {
  const verdicts = [...text.matchAll(/"verdict":"(\w+)"/g)].map(([, verdict]) => verdict)
  for (const verdict of verdicts) tally.count(`verdicts: ${verdict}`)
  if (verdicts.some((verdict, nth) => verdict === 'held' && verdicts[nth - 1] === 'duplicate'))
    tally.count('verdicts: held behind a duplicate')
}

/** One request as the worker that made it sees it: an answer, a stream, or an error. */
class Exchange {
  onOver: () => void = nothing
  readonly #pipe: Pipe
  readonly #resolve: (response: Response) => void
  readonly #reject: (error: Error) => void
  #isOver = false
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor(
    scheduler: Scheduler,
    realm: Realm,
    resolve: (response: Response) => void,
    reject: (error: Error) => void,
  ) {
    this.#pipe = new Pipe(scheduler, realm)
    this.#resolve = resolve
    this.#reject = reject
  }

  answer({ status, headers }: WireHead, text: string, ms: number, onArrival: () => void = nothing): void {
    this.#later(ms, () => {
      this.#over()
      onArrival()
      this.#resolve(new Response(text, { status, headers: { ...headers } }))
    })
  }
  stream({ status, headers }: WireHead, ms: number): void {
    this.#later(ms, () => {
      const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        this.#stream = controller
      }
      const cancel = (): void => this.#over()
      this.#resolve(new Response(new ReadableStream({ start, cancel }), { status, headers: { ...headers } }))
    })
  }
  chunk(bytes: Uint8Array, ms: number): void {
    if (bytes.length > 0) this.#later(ms, () => this.#stream?.enqueue(bytes))
  }
  end(ms: number): void {
    this.#later(ms, () => {
      this.#over()
      this.#stream?.close()
    })
  }
  failLater(error: Error, ms: number): void {
    if (ms < lostFor) this.#pipe.post(ms, () => this.fail(error))
  }
  fail(error: Error): void {
    if (this.#isOver) return
    this.#over()
    if (this.#stream === undefined) this.#reject(error)
    else this.#stream.error(error)
  }

  #later(ms: number, act: () => void): void {
    this.#pipe.post(ms, () => {
      if (!this.#isOver) act()
    })
  }
  #over(): void {
    this.#isOver = true
    this.onOver()
  }
}
