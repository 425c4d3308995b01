import { commitOf, connections, Device } from './device.ts'
import { pause, quantile, round } from './figures.ts'

export interface Throughput {
  readonly commitsPerSecond: number
  readonly eventsPerSecond: number
  /** From the request to its answer, in ms. */
  readonly p50: number
  readonly p99: number
  /** Pushes that were not taken and tried again. */
  readonly refused: number
}

interface Asked {
  readonly url: string
  readonly clients: number
  /** The clients are spread over so many logs. */
  readonly logs: number
  readonly commits: number
  readonly eventsPerCommit: number
  readonly seconds: number
}

/** Clients that push one run after the other, as fast as they are answered. */
export async function throughput({
  url,
  clients,
  logs,
  commits,
  eventsPerCommit,
  seconds,
}: Asked): Promise<Throughput> {
  const agent = connections(clients)
  const devices = Array.from({ length: clients }, (_, nth) => new Device(`t${logs}x${commits}-${nth % logs}`, agent))
  const took: number[] = []
  let accepted = 0
  let refused = 0
  let start = performance.now()
  const warm = start + 1_000
  const end = warm + seconds * 1_000
  await Promise.all(
    devices.map(async (device, nth) => {
      for (let turn = 0; performance.now() < end; turn++) {
        const run = Array.from({ length: commits }, (_, at) => commitOf(`${nth}-${turn}-${at}`, eventsPerCommit))
        const asked = performance.now()
        const answer = await device.push(url, run)
        const answered = performance.now()
        if (answer?.status !== 'verdicts') {
          // Too much at once: asked again, as a device does, and only counted when it is taken.
          refused += 1
          await pause(50)
          if (answer?.status === 'pull-first') await device.pull(url)
          continue
        }
        if (answered < warm || answered > end) continue
        took.push(answered - asked)
        accepted += answer.verdicts.filter(({ verdict }) => verdict === 'accepted').length
      }
    }),
  )
  agent.destroy()
  start = warm
  const lasted = (end - start) / 1_000
  return {
    commitsPerSecond: round(accepted / lasted),
    eventsPerSecond: round((accepted * eventsPerCommit) / lasted),
    p50: round(quantile(took, 0.5), 1),
    p99: round(quantile(took, 0.99), 1),
    refused,
  }
}
