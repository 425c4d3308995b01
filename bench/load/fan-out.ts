import { commitOf, connections, Device } from './device.ts'
import { inTurns, pause, quantile, round } from './figures.ts'

export interface FanOut {
  readonly clients: number
  readonly logs: number
  readonly commitsPerSecond: number
  /** From the beginning of a push to its receipt at a live client, in ms. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly receipts: number
  /** Receipts that never came. */
  readonly missing: number
}

interface Asked {
  readonly url: string
  readonly clients: number
  readonly logs: number
  readonly commitsPerSecond: number
  readonly seconds: number
}

/** Live clients, and writers whose commits they wait for. */
export async function fanOut({ url, clients, logs, commitsPerSecond, seconds }: Asked): Promise<FanOut> {
  const agent = connections()
  const name = (nth: number): string => `f${clients}x${logs}-${nth % logs}`
  const listeners = Array.from({ length: clients }, (_, nth) => new Device(name(nth), agent))
  const sent = new Map<string, number>()
  const took: number[] = []
  let broken = 0
  await inTurns(listeners, 200, (device) => opened(device, url, hear, () => broken++))
  function hear(ids: readonly string[]): void {
    const now = performance.now()
    for (const id of ids) took.push(now - (sent.get(id) ?? Number.NaN))
  }
  const writers = Array.from({ length: logs }, (_, nth) => new Device(name(nth), agent))
  const perCommit = clients / logs
  const count = Math.round(commitsPerSecond * seconds)
  const start = performance.now()
  const pushing: Promise<unknown>[] = []
  for (let nth = 0; nth < count; nth++) {
    await pause(Math.max(0, start + (nth * 1_000) / commitsPerSecond - performance.now()))
    const commit = commitOf(`c${nth}`)
    sent.set(commit.id, performance.now())
    pushing.push(writers[nth % logs]?.push(url, [commit]) ?? Promise.resolve())
  }
  await Promise.all(pushing)
  const expected = count * perCommit
  for (let waited = 0; took.length < expected && waited < 200; waited++) await pause(50)
  for (const device of listeners) device.hangUp()
  agent.destroy()
  if (broken > 0) throw new Error(`${broken} live streams broke`)
  return {
    clients,
    logs,
    commitsPerSecond,
    p50: round(quantile(took, 0.5), 1),
    p99: round(quantile(took, 0.99), 1),
    max: round(quantile(took, 1), 1),
    receipts: took.length,
    missing: expected - took.length,
  }
}

/** Resolves when the server has begun to answer. */
export const opened = (
  device: Device,
  url: string,
  commits: (ids: readonly string[]) => void = () => {},
  closed: () => void = () => {},
): Promise<void> => new Promise((open) => device.live(url, { open, commits, closed }))
