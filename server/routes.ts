import { isCount, isText } from '../src/core/guard.ts'
import { isHash, isSeen, type Seen } from '../src/protocol/sync.ts'
import type { Action } from './options.ts'
import { refuse } from './problems.ts'

/** What is at an address. */
export type Endpoint = Action | 'segments'

export interface Route {
  readonly endpoint: Endpoint
  readonly log: string
  /** Of one segment; without it the list of them is meant. */
  readonly hash?: string
}

/** Characters of a log's name. */
const logNameMax = 256
const methods: Readonly<Record<Endpoint, string>> = { push: 'POST', pull: 'GET', live: 'GET', segments: 'GET' }
export const methodOf = (endpoint: Endpoint): string => methods[endpoint]
/** Whoever may pull a log may download it. */
export const actionOf = (endpoint: Endpoint): Action => (endpoint === 'segments' ? 'pull' : endpoint)
const isEndpoint = (value: string | undefined): value is Endpoint =>
  value !== undefined && Object.hasOwn(methods, value)

/** Reads `{basePath}/{log}/{endpoint}` or `…/segments/{hash}`; throws a problem for any other path. */
export function routeOf(pathname: string, basePath: string): Route {
  const [name, endpoint, hash, ...rest] = pathname.startsWith(`${basePath}/`)
    ? pathname.slice(basePath.length + 1).split('/')
    : []
  const isFile = endpoint === 'segments' && isHash(hash)
  if (name === undefined || !isEndpoint(endpoint) || (hash !== undefined && !isFile) || rest.length > 0)
    return refuse(404, 'not-found', 'There is nothing at this address')
  return { endpoint, log: decodeName(name), ...(isFile ? { hash } : {}) }
}

function decodeName(encoded: string): string {
  let name = ''
  try {
    name = decodeURIComponent(encoded)
  } catch {
    // Broken percent-encoding: refused below like any other unusable name.
  }
  // Control characters would end up in other people's terminals and log files.
  if (!isText(name, logNameMax) || /\p{Cc}/u.test(name))
    return refuse(400, 'log-name', 'The name of the log is not usable', {
      detail: `It has 1 to ${logNameMax} characters, percent-encoded, without control characters.`,
    })
  return name
}

/** A pull or live request. */
export interface Asked {
  readonly log: string
  readonly client: string | undefined
  readonly requestId: string | undefined
  readonly query: URLSearchParams
  readonly signal: AbortSignal
}

/** The `position` and `digest` of a pull or live request. */
export function seenOf(query: URLSearchParams): Seen {
  const seen = { position: toCount(only(query, 'position')), digest: only(query, 'digest') }
  if (!isSeen(seen)) return refuse(400, 'seen', 'The query must carry position and digest')
  return seen
}

/** A bound of at least `least` that the client may lower, never raise; `undefined` when it does not name it. */
export function boundOf(query: URLSearchParams, name: string, max: number, least = 1): number | undefined {
  const asked = only(query, name)
  if (asked === null) return undefined
  const count = toCount(asked)
  if (!isCount(count, least)) return refuse(400, 'query', `The query's ${name} must be a whole number from ${least}`)
  return Math.min(count, max)
}

/** Said twice, a proxy in front might go by the other one. */
function only(query: URLSearchParams, name: string): string | null {
  if (query.getAll(name).length > 1) return refuse(400, 'query', `The query must name ${name} once`)
  return query.get(name)
}

const toCount = (text: string | null): number => (text !== null && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN)
