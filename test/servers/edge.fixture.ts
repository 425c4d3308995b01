// A worker as a user writes it, with a class for a public server and one with tenants, and a look inside for the tests.
import {
  createEdgeServer,
  durableObjectStore,
  type EdgeServer,
  type LogNamespace,
  type LogObject,
  type LogObjectStorage,
} from '../../server/edge.ts'
import { sequence } from '../../server/sequence.ts'
import { limited } from './edge-limits.ts'

const open = createEdgeServer({
  limits: { segmentEvents: 1_000, segmentBehind: 100 },
  cors: { origins: ['https://shop.example'] },
})
/** An actor is `tenant:name`, as a token would say it. */
const closed = createEdgeServer({
  basePath: '/tenants',
  authenticate: (request) => {
    const [tenant, id] = decodeURIComponent(request.headers.get('x-user') ?? '').split(':')
    return tenant && id ? { id, tenant } : undefined
  },
  tenantOf: ({ actor }) => String(actor?.tenant),
  authorize: ({ log }) => {
    if (log === 'broken') throw new Error('the table of rights is away')
    return log !== 'forbidden'
  },
})

const bare = createEdgeServer({ basePath: '/bare' })

interface State {
  readonly storage: LogObjectStorage
}

const classOf = (edge: EdgeServer) =>
  class {
    readonly #log: LogObject
    readonly #storage: LogObjectStorage
    constructor({ storage }: State) {
      this.#storage = limited(storage)
      this.#log = edge.openObject(this.#storage)
    }
    async fetch(request: Request): Promise<Response> {
      const { pathname, searchParams } = new URL(request.url)
      return pathname.startsWith('/inside/')
        ? inside(pathname.slice('/inside/'.length), this.#storage, searchParams)
        : this.#log.fetch(request)
    }
    alarm(): Promise<void> {
      return this.#log.alarm()
    }
  }
export const OpenLog: unknown = classOf(open)
/** One that forgot the alarm. */
export class BareLog {
  readonly #log: LogObject
  constructor({ storage }: State) {
    this.#log = bare.openObject(storage)
  }
  fetch(request: Request): Promise<Response> {
    return this.#log.fetch(request)
  }
}
export const TenantLog: unknown = classOf(closed)

async function inside(what: string, storage: LogObjectStorage, asked: URLSearchParams): Promise<Response> {
  const rows = (statement: string, ...values: string[]): unknown[] => [...storage.sql.exec(statement, ...values).raw()]
  switch (what) {
    case 'tables':
      return Response.json(
        rows(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'`),
      )
    case 'logs':
      return Response.json(rows('SELECT DISTINCT log FROM commits'))
    case 'count':
      return Response.json(rows('SELECT count(*) FROM commits WHERE instr(text, ?) > 0', asked.get('text') ?? ''))
    case 'races':
      return Response.json(await races(storage, Number(asked.get('rounds'))))
    case 'torn':
      return Response.json(await torn(storage))
    case 'newer':
      storage.transactionSync(() => storage.sql.exec(`UPDATE meta SET value = 2`))
      return Response.json([])
    default:
      return new Response(null, { status: 404 })
  }
}

/** What is left of a run, and of a segment, whose second half no row can take. */
async function torn(storage: LogObjectStorage): Promise<unknown> {
  const store = durableObjectStore(storage)
  const large = 'x'.repeat(2_500_000)
  const commits = sequence(
    ['{}', large].map((text, nth) => ({ id: `${nth}`, contentId: `${nth}.p`, eventsCount: 1, text })),
    await store.head('torn'),
  )
  const failed = await store.append('torn', 0, commits).catch(String)
  const { commits: kept, head } = await store.range('torn', 0, { commitsMax: 9, bytesMax: 9 })
  return { failed, kept, head }
}

/** How often so many of eight writers at one head have won. */
async function races(storage: LogObjectStorage, rounds: number): Promise<Readonly<Record<number, number>>> {
  const stores = [durableObjectStore(storage), durableObjectStore(storage)]
  const winnersOf: Record<number, number> = {}
  for (let round = 0; round < rounds; round++) {
    const [head] = await Promise.all(stores.map((store) => store.head('races')))
    if (head === undefined) throw new Error('no store')
    const results = await Promise.all(
      [...'abcdefgh'].map((name, nth) => {
        const id = `${name}${round}`
        const commits = sequence([{ id, contentId: `${id}.p`, eventsCount: 2, text: '{}' }], head)
        return stores[nth % 2]?.append('races', head.position, commits)
      }),
    )
    const winners = results.filter((result) => result?.taken === 1).length
    const isAgreed = results.every((result) => result?.head === head.position + 2)
    const key = isAgreed ? winners : -1
    winnersOf[key] = (winnersOf[key] ?? 0) + 1
  }
  return winnersOf
}

interface Env {
  readonly OpenLog: LogNamespace
  readonly TenantLog: LogNamespace
  readonly BareLog: LogNamespace
}

export default {
  fetch(request: Request, env: Env) {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname.startsWith('/inside/')) {
      const logs = searchParams.has('tenants') ? env.TenantLog : env.OpenLog
      return logs.get(logs.idFromName(searchParams.get('object') ?? '')).fetch(request)
    }
    if (pathname.startsWith('/bare')) return bare.route(request, env.BareLog)
    return pathname.startsWith('/tenants') ? closed.route(request, env.TenantLog) : open.route(request, env.OpenLog)
  },
}
