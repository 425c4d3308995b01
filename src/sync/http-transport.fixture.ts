import { VirtualClock } from '../testing/virtual-clock.ts'
import { createHttpTransport } from './http-transport.ts'
import type { Transport } from './transport.ts'

export const ours = { 'tidelog-protocol': '1' }
/** Nobody gives up. */
export const never: AbortSignal = new AbortController().signal

/** The transport to a server that answers so. */
export function transportTo(answer: (request: Request) => Response | Promise<Response>): {
  readonly transport: Transport
  readonly clock: VirtualClock
  readonly asked: readonly Request[]
} {
  const clock = new VirtualClock(0)
  const asked: Request[] = []
  const transport = createHttpTransport({
    url: 'https://example.com/sync/shop',
    clock,
    headers: () => ({ authorization: 'Bearer x' }),
    fetch: async (request) => {
      asked.push(request)
      return answer(request)
    },
  })
  return { transport, clock, asked }
}
