import type { Admitted } from './admit.ts'
import type { RequestEvent } from './observe.ts'
import type { Route } from './routes.ts'

/** What becomes known of a request while it is answered, for whoever observes. */
export interface About {
  readonly found: (route: Route, url: URL) => void
  readonly admitted: (who: Admitted) => void
  readonly answered: (status: number, problem: string | undefined) => RequestEvent
}

export function aboutRequest({ method }: Request, requestId: string | undefined): About {
  const startedAt = performance.now()
  let route: Route | undefined
  let isWaiting = false
  let actor: string | undefined
  return {
    found: (one, url) => {
      route = one
      isWaiting = one.endpoint === 'pull' && Number(url.searchParams.get('waitMs')) > 0
    },
    admitted: (who) => {
      actor = who.actor?.id
    },
    answered: (status, problem) => ({
      type: 'request',
      requestId,
      route: route?.endpoint,
      isWaiting,
      method,
      log: route?.log,
      actor,
      status,
      problem,
      durationMs: performance.now() - startedAt,
    }),
  }
}
