import { get } from 'node:http'
import { connections, Device } from './device.ts'
import { opened } from './fan-out.ts'
import { inTurns, median, pause, round } from './figures.ts'
import { type Server, serve } from './processes.ts'

export interface Idle {
  readonly clients: number
  /** Kilobytes for each idle client: resident memory, and heap in use. */
  readonly endpoint: Weight
  readonly bare: Weight
  readonly rssRatio: number
  readonly heapRatio: number
}
interface Weight {
  readonly rss: number
  readonly heap: number
}

/** What clients cost that do nothing, beside a server that holds nothing but their streams. */
export async function idle({ clients, rounds }: { clients: number; rounds: number }): Promise<Idle> {
  const ours: Weight[] = []
  const bares: Weight[] = []
  for (let nth = 0; nth < rounds; nth++) {
    ours.push(await weigh(await serve('endpoint', 'memory'), clients, openDevice))
    bares.push(await weigh(await serve('bare'), clients, openBare))
  }
  const [endpoint, bare] = [middle(ours), middle(bares)]
  return {
    clients,
    endpoint,
    bare,
    rssRatio: round(endpoint.rss / bare.rss, 2),
    heapRatio: round(endpoint.heap / bare.heap, 2),
  }
}

type Open = (url: string, nth: number) => Promise<() => void>
const agent = connections()
const openDevice: Open = async (url, nth) => {
  // Ten clients share a log.
  const device = new Device(`idle-${Math.floor(nth / 10)}`, agent)
  await opened(device, url)
  return () => device.hangUp()
}
const openBare: Open = (url) =>
  new Promise((resolve, reject) => {
    const asked = get(url, { agent: false }, (response) => {
      response.resume()
      response.on('error', () => {})
      resolve(() => asked.destroy())
    })
    asked.once('error', reject)
  })

async function weigh(server: Server, clients: number, open: Open): Promise<Weight> {
  // What the first clients bring with them, such as compiled code, is no cost of each.
  const first = await openMany(server.url, 200, open)
  await pause(500)
  const before = await server.memory()
  const rest = await openMany(server.url, clients, open)
  await pause(1_000)
  const after = await server.memory()
  if (after.live < clients + 200) throw new Error(`${after.live} of ${clients + 200} clients are live`)
  for (const end of [...first, ...rest]) end()
  await server.kill()
  return {
    rss: round((after.rss - before.rss) / clients / 1_000, 1),
    heap: round((after.heapUsed - before.heapUsed) / clients / 1_000, 1),
  }
}
async function openMany(url: string, count: number, open: Open): Promise<readonly (() => void)[]> {
  const ends: (() => void)[] = []
  await inTurns([...Array(count).keys()], 200, async (nth) => void ends.push(await open(url, nth)))
  return ends
}
const middle = (all: readonly Weight[]): Weight => ({
  rss: median(all.map(({ rss }) => rss)),
  heap: median(all.map(({ heap }) => heap)),
})
