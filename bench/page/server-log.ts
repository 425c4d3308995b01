// A log at the server before any device comes, pushed by the server's own protocol: it costs no device's time.
import { digestOfNothing } from '../../src/core/digest.ts'
import { type Manifest, type PushVerdicts, protocolHeader, type Seen, syncProtocol } from '../../src/protocol/sync.ts'
import { type BenchEvent, createRandom, makeEventOf } from './corpus.ts'
import { type Job, mustEqual } from './job.ts'
import { syncUrlOf } from './synced-log.ts'

const commitsPerPush = 1_000
/** What the server leaves without a segment at most: one that is not full, and what is too fresh. */
const unsealedMax = 20_010
const lookEveryMs = 200

/** Fills a log with commits of one to three events. */
export async function fillServerLog(name: string, count: number, job: Job): Promise<void> {
  let seen: Seen = { position: 0, digest: digestOfNothing }
  for (const commits of runsOf(count, job)) {
    const answer: PushVerdicts = await ask(name, 'push', JSON.stringify({ protocol: syncProtocol, seen, commits }))
    mustEqual('verdicts', answer.verdicts.filter(({ verdict }) => verdict === 'accepted').length, commits.length)
    seen = answer.page.through
  }
  mustEqual('events at the server', seen.position, count)
}

/** Waits until the server has sealed of a log what it seals. */
export async function serverLogSealed(name: string, count: number): Promise<void> {
  for (let last = -1; last < count - unsealedMax; ) {
    const { segments }: Manifest = await ask(name, 'segments')
    last = segments.at(-1)?.last ?? 0
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
}

async function ask<T>(name: string, action: string, body?: string): Promise<T> {
  const headers = { [protocolHeader]: String(syncProtocol), 'content-type': 'application/json' }
  const request = body === undefined ? { headers } : { method: 'POST', headers, body }
  const response = await fetch(`${syncUrlOf(name)}/${action}`, request)
  mustEqual(`the answer to ${action}`, response.status, 200)
  return response.json()
}

interface ServerCommit {
  readonly id: string
  readonly contentId: string
  readonly time: string
  readonly events: readonly BenchEvent[]
}

function* runsOf(count: number, job: Job): Generator<readonly ServerCommit[]> {
  const random = createRandom(job.seed)
  const makeEvent = (position: number): BenchEvent => {
    const number = String(Math.floor(random() * job.streams)).padStart(6, '0')
    const { data, ...event } = makeEventOf(random, number, `c${String(position).padStart(9, '0')}`)
    return { ...event, data: { ...data, quantity: position } }
  }
  let run: ServerCommit[] = []
  for (let position = 0, nth = 0; position < count; nth++) {
    const events: BenchEvent[] = []
    for (let left = (nth % 3) + 1; left > 0 && position < count; left--) events.push(makeEvent(++position))
    run.push({ id: `commit-${nth}`, contentId: `content-${nth}`, time: '2026-01-01T00:00:00.000Z', events })
    if (run.length < commitsPerPush && position < count) continue
    yield run
    run = []
  }
}
