import { commitOf, connections, Device } from './device.ts'
import { opened } from './fan-out.ts'
import { inTurns, pause, quantile, round } from './figures.ts'
import { serve } from './processes.ts'

export interface Recovery {
  readonly clients: number
  /** Of the clients of a killed endpoint: from the kill to a commit that was pushed after it, in ms. */
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Two endpoints over one store, one of which is killed while a writer goes on at the other. */
export async function recovery({ address, clients }: { address: string; clients: number }): Promise<Recovery> {
  const [killed, other] = await Promise.all([serve('endpoint', address), serve('endpoint', address)])
  const agent = connections()
  const devices = Array.from({ length: clients }, () => new Device('recovered', agent))
  let killedAt = Number.POSITIVE_INFINITY
  let sentAfter: Set<string> | undefined
  const took: number[] = []
  const connect = (device: Device, url: string): Promise<void> => {
    let isBack = false
    return opened(
      device,
      url,
      (ids) => {
        if (isBack || !ids.some((id) => sentAfter?.has(id))) return
        isBack = true
        took.push(performance.now() - killedAt)
      },
      // As a client does that has lost its server: not all of them at one moment.
      () => void pause(Math.random() * 500).then(() => connect(device, other.url)),
    )
  }
  await inTurns(devices, 100, (device) => connect(device, killed.url))
  const writer = new Device('recovered', agent)
  let isOver = false
  const writing = (async () => {
    for (let nth = 0; !isOver; nth++) {
      const commit = commitOf(`r${nth}`)
      sentAfter?.add(commit.id)
      await writer.push(other.url, [commit])
      await pause(50)
    }
  })()
  await pause(1_000)
  killedAt = performance.now()
  sentAfter = new Set()
  await killed.kill()
  for (let waited = 0; took.length < clients && waited < 600; waited++) await pause(100)
  isOver = true
  await writing
  for (const device of devices) device.hangUp()
  agent.destroy()
  await other.close()
  if (took.length < clients) throw new Error(`${clients - took.length} clients did not come back`)
  return {
    clients,
    p50: round(quantile(took, 0.5)),
    p99: round(quantile(took, 0.99)),
    max: round(quantile(took, 1)),
  }
}
