import { json, runOf } from '../../server/handler.fixture.ts'
import type { Sketch } from '../../server/judge.fixture.ts'
import { nothing } from '../../server/sequence.ts'
import type { PullPage, PushAnswer, Seen } from '../../src/protocol/sync.ts'

/** A device of one log, wherever that is served at the moment. */
export class EdgeDevice {
  readonly name: string
  /** Ids of the commits that it was told are kept. */
  readonly acknowledged: string[] = []
  seen: Seen = nothing
  readonly #url: () => string
  readonly #headers: Readonly<Record<string, string>>

  constructor(name: string, url: () => string, headers: Readonly<Record<string, string>> = {}) {
    this.name = name
    this.#url = url
    this.#headers = { ...json, ...headers }
  }

  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.#url()}/${path}`, { ...init, headers: { ...this.#headers, ...init.headers } })
  }
  /** One request. */
  async push(sketches: readonly Sketch[]): Promise<PushAnswer> {
    const response = await this.ask('push', { method: 'POST', body: JSON.stringify(runOf(sketches, this.seen)) })
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
    const answer = (await response.json()) as PushAnswer
    if (answer.status !== 'verdicts') return answer
    this.seen = answer.page.through
    for (const { id, verdict } of answer.verdicts)
      if (verdict === 'accepted' || verdict === 'duplicate') this.acknowledged.push(id)
    return answer
  }
  /** As often as it takes: a server may be away. */
  async pushAtLast(sketches: readonly Sketch[]): Promise<void> {
    for (;;) {
      const answer = await this.push(sketches).catch(() => undefined)
      if (answer?.status === 'verdicts') return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  async pull(more = ''): Promise<PullPage> {
    const page = (await (await this.ask(`pull?${this.#query()}${more}`)).json()) as PullPage
    this.seen = page.through
    return page
  }
  /** All that follows, page by page. */
  async pullAll(): Promise<PullPage['commits']> {
    const commits: PullPage['commits'][number][] = []
    for (;;) {
      const page = await this.pull()
      commits.push(...page.commits)
      if (page.through.position >= page.head) return commits
    }
  }
  live(signal?: AbortSignal): Promise<Response> {
    return this.ask(`live?${this.#query()}`, signal === undefined ? {} : { signal })
  }
  #query(): string {
    return `position=${this.seen.position}&digest=${this.seen.digest}`
  }
}
