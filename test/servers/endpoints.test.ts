// Two endpoint processes over one store, and devices that speak to either.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { json, runOf } from '../../server/handler.fixture.ts'
import { listen } from '../../server/live.fixture.ts'
import { bundle, type Running, run } from '../../server/process.fixture.ts'
import { nothing, sequence } from '../../server/sequence.ts'
import type { PullPage, PushAnswer, Seen } from '../../src/protocol/sync.ts'
import { startCluster } from './cluster.ts'
import { startNats } from './nats-cluster.ts'

/** Servers of one kind, and an address for each test. */
interface Servers {
  readonly place: (nth: number) => Promise<string>
  readonly remove: () => Promise<void>
}
const kinds: Readonly<Record<string, () => Promise<Servers>>> = {
  async PostgreSQL() {
    const { createDatabase, remove } = await startCluster()
    return { place: (nth) => createDatabase(`endpoints_${nth}`), remove }
  },
  async NATS() {
    const { servers, remove } = await startNats()
    return { place: async (nth) => `${servers.map((server) => `nats://${server}`).join()} endpoints-${nth}`, remove }
  },
}

let servers: Servers
let file = ''
let placesCount = 0
let running: Running[] = []
let urls: readonly string[] = []
/** A device: what it has seen, and what it was told is kept. */
class Device {
  readonly name: string
  readonly acknowledged: string[] = []
  seen: Seen = nothing
  constructor(name: string) {
    this.name = name
  }
  /** Pushes until it is answered; `at` gives the endpoint of each attempt. */
  async push(ids: readonly string[], at: () => string): Promise<PushAnswer> {
    const body = JSON.stringify(
      runOf(
        ids.map((id) => ({ id: `${this.name}-${id}` })),
        this.seen,
      ),
    )
    for (;;) {
      const answer = await fetch(`${at()}/sync/cart/push`, { method: 'POST', headers: json, body })
        .then(async (response) => (response.status === 200 ? ((await response.json()) as PushAnswer) : undefined))
        .catch(() => undefined)
      if (answer?.status !== 'verdicts') continue
      this.seen = answer.page.through
      this.acknowledged.push(...answer.verdicts.map(({ id }) => id))
      return answer
    }
  }
  async pull(at: string): Promise<PullPage> {
    const query = `position=${this.seen.position}&digest=${this.seen.digest}`
    const page = (await (await fetch(`${at}/sync/cart/pull?${query}`, { headers: json })).json()) as PullPage
    this.seen = page.through
    return page
  }
}

const live = async (at: string, seen: Seen) => {
  const query = `position=${seen.position}&digest=${seen.digest}`
  const abort = new AbortController()
  const response = await fetch(`${at}/sync/cart/live?${query}`, { headers: json, signal: abort.signal })
  return { ...listen(response), stop: () => abort.abort() }
}

describe.each(Object.entries(kinds))('two endpoints over one store: %s', (_, start) => {
  beforeAll(async () => {
    servers = await start()
    file = await bundle('../test/servers/endpoint.fixture.ts')
  })
  beforeEach(async () => {
    const place = await servers.place(placesCount++)
    running = [run(file, [place]), run(file, [place])]
    urls = await Promise.all(running.map(async ({ line, said }) => (await line()) ?? said()))
  })
  afterEach(async () => {
    for (const { child } of running) child.kill('SIGKILL')
    await Promise.all(running.map(({ ended }) => ended))
  })
  afterAll(() => servers?.remove())
  test('what is pushed to one is live on the other', async () => {
    const writer = new Device('writer')
    await writer.push(['0'], () => urls[0]!)
    const stream = await live(urls[1]!, writer.seen)
    expect(await stream.next()).toEqual({ event: 'heartbeat' })
    for (let round = 1; round <= 20; round++) {
      await writer.push([`${round}`], () => urls[0]!)
      const said = await stream.next()
      expect(said).toMatchObject({ event: 'page', data: { commits: [{ id: `writer-${round}` }], head: round + 1 } })
    }
    stream.stop()
  })
  test('a device that moves between them goes on where it was', async () => {
    const devices = [new Device('a'), new Device('b')]
    for (let round = 0; round < 20; round++)
      await Promise.all(devices.map((device, i) => device.push([`${round}`], () => urls[(round + i) % 2]!)))
    for (const [i, device] of devices.entries()) await device.pull(urls[i]!)
    expect(devices[0]!.seen).toEqual(devices[1]!.seen)
    expect(devices[0]!.seen.position).toBe(40)
    // The answer was lost, and so the device asks again from where it was.
    const again = await new Device('a').push(['0', '1'], () => urls[1]!)
    expect(again).toMatchObject({ verdicts: [{ verdict: 'duplicate' }, { verdict: 'duplicate' }] })
  })
  test('a device whose endpoint is killed loses nothing at the other', async () => {
    const devices = [...'abcd'].map((name) => new Device(name))
    let pushed = 0
    let isKilled = false
    const pushing = devices.map(async (device, i) => {
      for (let round = 0; round < 30; round++) {
        await device.push([`${round}x`, `${round}y`], () => urls[isKilled ? 1 : i % 2]!)
        pushed++
      }
    })
    await expect.poll(() => pushed, { timeout: 30_000 }).toBeGreaterThan(20)
    running[0]!.child.kill('SIGKILL')
    isKilled = true
    await Promise.all(pushing)
    const page = await new Device('reader').pull(urls[1]!)
    const ids = page.commits.map(({ id }) => id)
    expect(ids).toHaveLength(4 * 30 * 2)
    expect(new Set(ids)).toEqual(new Set(devices.flatMap(({ acknowledged }) => acknowledged)))
    const placed = sequence(
      page.commits.map(({ id, contentId, events }) => ({ id, contentId, eventsCount: events.length, text: '' })),
      nothing,
    )
    expect(page.through).toEqual({ position: placed.at(-1)?.last, digest: placed.at(-1)?.digest })
  })
})
