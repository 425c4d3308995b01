import { gunzipSync } from 'node:zlib'
import type { Manifest } from '../../src/protocol/sync.ts'
import { readFile } from '../../src/segments/file.ts'
import { ask, commitOf, connections, Device } from './device.ts'
import { pause, round } from './figures.ts'

export interface Follow {
  readonly events: number
  /** In segments; the rest was pulled. */
  readonly sealed: number
  readonly seconds: number
  readonly eventsPerSecond: number
}

const eventsPerCommit = 10
const commitsPerPush = 500

/** Fills a log, and has a follower fetch all of it from its segments and read every event. */
export async function follow({ url, events }: { url: string; events: number }): Promise<Follow> {
  const agent = connections()
  const writer = new Device('followed', agent)
  for (let pushed = 0; pushed < events; pushed += eventsPerCommit * commitsPerPush) {
    const run = Array.from({ length: commitsPerPush }, (_, nth) => commitOf(`${pushed}-${nth}`, eventsPerCommit))
    if ((await writer.push(url, run))?.status !== 'verdicts') throw new Error('a push was not taken')
  }
  const sealed = await whenSealed(`${url}/sync/followed/segments`, agent)
  const start = performance.now()
  const { segments } = await list(`${url}/sync/followed/segments`, agent)
  let read = 0
  let next = fetchFile(0)
  async function fetchFile(nth: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const hash = segments[nth]?.hash
    if (hash === undefined) return undefined
    const { bytes } = await ask(`${url}/sync/followed/segments/${hash}`, { agent })
    return new Uint8Array(bytes)
  }
  for (let nth = 0; nth < segments.length; nth++) {
    const bytes = await next
    // The next file comes while this one is read.
    next = fetchFile(nth + 1)
    const file = bytes && (await readFile(bytes))
    if (file === undefined) throw new Error('a segment can not be read')
    for (const part of file.parts) {
      const [, events] = JSON.parse(gunzipSync(part).toString()) as [
        unknown,
        [number, number, number, { data: unknown }][],
      ]
      for (const [, , , { data }] of events) if (data !== null) read += 1
    }
  }
  if (read !== sealed) throw new Error(`${read} of ${sealed} events were read`)
  const follower = new Device('followed', agent)
  follower.seen = { position: sealed, digest: segments.at(-1)?.digest ?? '' }
  await follower.pull(url)
  const seconds = (performance.now() - start) / 1_000
  agent.destroy()
  if (follower.seen.digest !== writer.seen.digest) throw new Error('the follower holds another log')
  return { events, sealed, seconds: round(seconds, 2), eventsPerSecond: round(events / seconds) }
}

const list = async (url: string, agent: ReturnType<typeof connections>): Promise<Manifest> =>
  JSON.parse((await ask(url, { agent })).bytes.toString()) as Manifest

/** Sealing goes on in the background until only the newest events are left. */
async function whenSealed(url: string, agent: ReturnType<typeof connections>): Promise<number> {
  let before = -1
  for (;;) {
    const { segments } = await list(url, agent)
    const last = segments.at(-1)?.last ?? 0
    if (last > 0 && last === before) return last
    before = last
    await pause(2_000)
  }
}
