import type { EventMap } from '../src/core/event.ts'
import { type PullPage, type PushAnswer, protocolHeader, type Seen, syncProtocol } from '../src/protocol/sync.ts'
import { createSyncHandler, type SyncHandler } from './handler.ts'
import { type Sketch, toCommit } from './judge.fixture.ts'
import { memoryStore } from './memory-store.ts'
import type { SyncHandlerOptions } from './options.ts'
import { nothing } from './sequence.ts'
import type { LogStore } from './store.ts'

export const origin = 'http://sync.test'

/** A handler over a memory store; an error that nobody expected fails the test that reads `errors`. */
export function createServer<M extends EventMap = EventMap>(
  options: Partial<SyncHandlerOptions<M>> = {},
): { readonly handler: SyncHandler; readonly store: LogStore; readonly errors: unknown[] } {
  const errors: unknown[] = []
  const store = options.store ?? memoryStore()
  const handler = createSyncHandler<M>({ onError: (error) => errors.push(error), ...options, store })
  return { handler, store, errors }
}

export const json: Record<string, string> = {
  'content-type': 'application/json',
  [protocolHeader]: String(syncProtocol),
}

export const pushRequest = (body: unknown, headers: Record<string, string> = json, path = '/sync/cart/push'): Request =>
  new Request(origin + path, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

export const pullRequest = (seen: Seen, more = '', path = '/sync/cart/pull'): Request =>
  new Request(`${origin}${path}?position=${seen.position}&digest=${seen.digest}${more}`, { headers: json })

export const runOf = (sketches: readonly Sketch[], seen: Seen = nothing): object => ({
  protocol: syncProtocol,
  seen,
  commits: sketches.map(toCommit),
})

export async function pushed(
  handler: SyncHandler,
  sketches: readonly Sketch[],
  seen: Seen = nothing,
): Promise<PushAnswer> {
  const response = await handler(pushRequest(runOf(sketches, seen)))
  return (await response.json()) as PushAnswer
}

export const pulled = async (handler: SyncHandler, seen: Seen = nothing, more = ''): Promise<PullPage> =>
  (await (await handler(pullRequest(seen, more))).json()) as PullPage

/** What a problem answer comes down to: status and the end of its type. */
export async function problemOf(response: Response): Promise<string> {
  const type = response.headers.get('content-type')
  if (type !== 'application/problem+json') return `${response.status} ${type}`
  const body = (await response.json()) as { readonly type: string; readonly status: number }
  return `${body.status} ${body.type.split('/').at(-1)}`
}
