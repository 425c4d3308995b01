import { mustBe } from '../src/core/errors.ts'
import type { EventMap } from '../src/core/event.ts'
import { isId } from '../src/core/guard.ts'
import type { Actor, Permission, SyncHandlerOptions } from './options.ts'
import { commonHeaders, refuse } from './problems.ts'
import type { Rate } from './rate.ts'
import { actionOf, type Route } from './routes.ts'

/** Who was let in, and to what. */
export interface Admitted {
  readonly actor: Actor | undefined
  /** The log as its clients call it. */
  readonly log: string
  /** The log as the store calls it: no two tenants have the same. */
  readonly storeLog: string
  /** Whom limits count; `undefined` when nothing tells it from others. */
  readonly client: string | undefined
}

/** Characters of an actor's id. */
const actorIdMax = 512

/** Asks the application whether a request may go on; the answer is its own response, or who asks for what. */
export async function admit<M extends EventMap>(
  request: Request,
  { endpoint, log }: Route,
  { options, rate, address }: AdmitContext<M>,
): Promise<Admitted | Response> {
  const { authenticate, tenantOf, authorize } = options
  const { headers } = request
  const known = (await authenticate?.(request)) || undefined
  if (known instanceof Response) return ownResponse(known)
  if (known === undefined && authenticate !== undefined)
    return refuse(401, 'unauthenticated', 'Who are you?', { headers: { 'www-authenticate': 'Bearer' } })
  const actor = typeof known === 'string' ? { id: known } : known
  // It is stored with commits: anything else could not be read again.
  if (actor !== undefined) mustBe(isId(actor.id, actorIdMax), 'the id of an actor', actor.id)
  const tenant = await tenantOf?.({ actor, headers })
  const client = clientOf(actor, tenant, address)
  if (client !== undefined && rate !== undefined) mustHaveTurn(rate, client)
  if (authorize !== undefined) mustPermit(await authorize({ actor, log, action: actionOf(endpoint), headers }))
  return { actor, log, client, storeLog: tenantOf === undefined ? log : toStoreLog(tenant, log) }
}
interface AdmitContext<M extends EventMap> {
  readonly options: Pick<SyncHandlerOptions<M>, 'authenticate' | 'tenantOf' | 'authorize'>
  /** Without it nobody's requests are counted. */
  readonly rate?: Rate
  readonly address?: string | undefined
}

/** No tenant's name has a slash any more, so the first one ends it, whatever the name of the log. */
export function toStoreLog(tenant: unknown, log: string): string {
  mustBe(isId(tenant, actorIdMax), 'a tenant', tenant)
  return `${encodeURIComponent(tenant)}/${log}`
}

/** Not joined as mere text: two tenants and their actors could make the same one. */
const clientOf = (actor: Actor | undefined, tenant = '', address: string | undefined): string | undefined => {
  if (actor !== undefined) return JSON.stringify([tenant, actor.id])
  return address
}

function mustHaveTurn(rate: Rate, client: string): void {
  const ms = rate.take(client)
  if (ms > 0)
    refuse(429, 'too-many-requests', 'Too many requests', { headers: { 'retry-after': `${Math.ceil(ms / 1_000)}` } })
}

function mustPermit(permission: Permission): void {
  if (permission === 'gone') refuse(410, 'log-gone', 'This log was deleted')
  if (permission === 'client-too-old') refuse(426, 'client-too-old', 'This version of the app is too old')
  if (permission !== true) refuse(403, 'forbidden', 'This log is not yours to use this way')
}

/** A copy, since the headers of a response may be immutable. */
function ownResponse(response: Response): Response {
  const headers = new Headers(response.headers)
  for (const [name, value] of Object.entries(commonHeaders)) headers.set(name, value)
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}
