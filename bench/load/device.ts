// A device as the server sees it: it speaks the protocol over plain HTTP and keeps nothing but its place. Thousands of them
// fit in one process, which a browser's whole client would not.
import { Agent, get, type IncomingMessage, request } from 'node:http'
import { nothing } from '../../server/sequence.ts'
import type { Commit } from '../../src/core/commit.ts'
import { type PullAnswer, type PushAnswer, protocolHeader, type Seen, syncProtocol } from '../../src/protocol/sync.ts'

const headers = { 'content-type': 'application/json', [protocolHeader]: String(syncProtocol) }
/** About what an event of a shop weighs. */
const filling = 'x'.repeat(120)

/** A commit of `eventsCount` events, about 200 bytes each. */
export const commitOf = (id: string, eventsCount = 1, streamsMax = 1_000): Commit => ({
  id,
  contentId: `${id}.c`,
  time: '2026-01-01T00:00:00.000Z',
  events: Array.from({ length: eventsCount }, (_, nth) => ({
    type: 'Noted',
    stream: `note-${(id.length * 31 + nth) % streamsMax}`,
    data: { text: filling, nth },
  })),
})

export const connections = (max: number = Number.POSITIVE_INFINITY): Agent =>
  new Agent({ keepAlive: true, maxSockets: max })

/** The text of an answer; rejects when the connection breaks. */
export function ask(url: string, { agent, body }: { agent?: Agent; body?: string } = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST'
    const asked = request(url, { method, headers, ...(agent && { agent }) }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () => resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(chunks) }))
      response.once('error', reject)
    })
    asked.once('error', reject)
    asked.end(body)
  })
}
interface Answered {
  readonly status: number
  readonly bytes: Buffer
}

/** What a live stream tells. */
export interface Ears {
  /** The answer has begun: the server knows of this stream. */
  readonly open?: () => void
  /** Ids of commits that came, in order. */
  readonly commits?: (ids: readonly string[]) => void
  /** No more is heard; who hangs up is not told. */
  readonly closed?: () => void
}

export class Device {
  readonly log: string
  readonly #agent: Agent
  seen: Seen = nothing
  #stop: (() => void) | undefined

  constructor(log: string, agent: Agent) {
    this.log = log
    this.#agent = agent
  }

  /** Pushes a run; `undefined` where it was not taken, whatever the reason. */
  async push(url: string, commits: readonly Commit[]): Promise<PushAnswer | undefined> {
    const body = JSON.stringify({ protocol: syncProtocol, seen: this.seen, commits })
    const { status, bytes } = await ask(`${url}/sync/${this.log}/push`, { agent: this.#agent, body })
    if (status !== 200) return undefined
    const answer = JSON.parse(bytes.toString()) as PushAnswer
    // As long as it is live, what it hears moves it on; an answer may say it twice.
    if (answer.status === 'verdicts' && answer.page.through.position > this.seen.position)
      this.seen = answer.page.through
    return answer
  }

  /** Pulls all there is. */
  async pull(url: string): Promise<number> {
    for (let pulled = 0; ; ) {
      const { position, digest } = this.seen
      const query = `position=${position}&digest=${digest}`
      const { status, bytes } = await ask(`${url}/sync/${this.log}/pull?${query}`, { agent: this.#agent })
      if (status !== 200) throw new Error(`a pull was answered ${status}`)
      const answer = JSON.parse(bytes.toString()) as PullAnswer
      if (answer.status !== 'page') throw new Error(`a pull was answered ${answer.status}`)
      this.seen = answer.through
      pulled += answer.commits.length
      if (answer.through.position >= answer.head) return pulled
    }
  }

  /** Opens a live stream from where this device is. */
  live(url: string, ears: Ears = {}): void {
    this.hangUp()
    const { position, digest } = this.seen
    let hasHungUp = false
    const closed = (): void => {
      if (hasHungUp) return
      hasHungUp = true
      ears.closed?.()
    }
    // A connection of its own, as a browser's stream has.
    const options = { headers, agent: false } as const
    const asked = get(`${url}/sync/${this.log}/live?position=${position}&digest=${digest}`, options, (response) => {
      if (response.statusCode !== 200) return closed()
      ears.open?.()
      this.#listen(response, ears)
      response.once('close', closed)
    })
    asked.once('error', closed)
    this.#stop = () => {
      hasHungUp = true
      asked.destroy()
    }
  }
  #listen(response: IncomingMessage, ears: Ears): void {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      text += chunk
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        this.#hear(text.slice(0, end), ears)
        text = text.slice(end + 2)
      }
    })
    response.on('error', () => {})
  }
  #hear(frame: string, ears: Ears): void {
    const data = 'event: page\ndata: '
    if (!frame.startsWith(data)) return
    const page = JSON.parse(frame.slice(data.length)) as Extract<PullAnswer, { status: 'page' }>
    if (page.through.position > this.seen.position) this.seen = page.through
    ears.commits?.(page.commits.map(({ id }) => id))
  }

  hangUp(): void {
    this.#stop?.()
    this.#stop = undefined
  }
}
