// A sync server in this process: what it holds can be counted, and tests stand between it and those who ask.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { listen } from 'tidelog/server/node'
import { build } from 'vite'

export interface AskedOf {
  readonly tab: string
  /** `push`, `pull`, `live` … */
  readonly what: string
}
type Between = (asked: AskedOf, serve: () => Promise<Response>) => Promise<Response>
export interface LifeServer {
  readonly url: string
  /** Names of the events of a log in their order. */
  readonly names: (log: string) => Promise<readonly string[]>
  /** Who asked for what, in order. */
  readonly asked: (log: string) => readonly AskedOf[]
  /** Stands between a log and those who ask until it is called again without one. */
  readonly stand: (log: string, between?: Between) => void
  readonly close: () => Promise<void>
}

/** Builds a fixture and serves it beside a sync endpoint for any log. */
export async function startLifeServer(folder: string, fixture: string = 'life'): Promise<LifeServer> {
  const root = fileURLToPath(new URL(`fixtures/${fixture}`, import.meta.url))
  const app = join(folder, 'app')
  await build({ configFile: false, logLevel: 'error', root, worker: { format: 'es' }, build: { outDir: app } })
  return serveLife(app)
}

export async function serveLife(staticDir: string): Promise<LifeServer> {
  const store = memoryStore()
  const handler = createSyncHandler({ store })
  const asked = new Map<string, AskedOf[]>()
  const standing = new Map<string, Between>()
  const serve = async (request: Request): Promise<Response> => {
    const [, , log = '', what = ''] = new URL(request.url).pathname.split('/')
    const question = { tab: request.headers.get('x-tab') ?? '', what }
    asked.set(log, [...(asked.get(log) ?? []), question])
    const between = standing.get(log)
    return between === undefined ? handler(request) : between(question, () => handler(request))
  }
  const { basePath, stop, liveCount } = handler
  const listening = await listen({ handler: Object.assign(serve, { basePath, stop, liveCount }), port: 0, staticDir })
  return {
    url: listening.url,
    names: async (log) => {
      const { commits } = await store.range(log, 0, { commitsMax: 100_000, bytesMax: 100_000_000 })
      return commits.flatMap(({ text }) => {
        const { events }: { readonly events: readonly { readonly data: { readonly name: string } }[] } =
          JSON.parse(text)
        return events.map(({ data }) => data.name)
      })
    },
    asked: (log) => asked.get(log) ?? [],
    stand: (log, between) => void (between ? standing.set(log, between) : standing.delete(log)),
    close: async () => void (await listening.close()),
  }
}
