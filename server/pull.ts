import type { Seen } from '../src/protocol/sync.ts'
import type { HandlerContext } from './context.ts'
import { divergedText, follows, readPage } from './page.ts'
import { jsonResponse } from './problems.ts'
import { type Asked, boundOf, seenOf } from './routes.ts'
import type { LogStore, RangeLimits } from './store.ts'
import type { Waiters } from './waiters.ts'

/**
 * `GET {log}/pull?position=…&digest=…[&commitsMax=…][&bytesMax=…][&waitMs=…]`: the commits that follow; with `waitMs`, when
 * there are some, or none after that time.
 */
export async function pull(asked: Asked, waiters: Waiters, context: HandlerContext): Promise<Response> {
  const { store, pageLimits, limits } = context
  const { log, query } = asked
  const seen = seenOf(query)
  const bounds = {
    commitsMax: boundOf(query, 'commitsMax', pageLimits.commitsMax) ?? pageLimits.commitsMax,
    bytesMax: boundOf(query, 'bytesMax', pageLimits.bytesMax) ?? pageLimits.bytesMax,
  }
  const waitMs = boundOf(query, 'waitMs', limits.waitMsMax, 0) ?? 0
  let found = await look(store, log, seen, bounds)
  if (found.isNews || waitMs === 0) return jsonResponse(found.text)
  const waiter = waiters.poll(asked, waitMs)
  const { wakes } = waiter
  try {
    // Looks again before it sleeps: the log may have grown before it was watched.
    for (;;) {
      const isLast = wakes.ended()
      found = await look(store, log, seen, bounds)
      if (found.isNews || isLast) return jsonResponse(found.text)
      await wakes.next()
    }
  } finally {
    waiter.end()
  }
}

/** What a pull is answered at this moment, and whether that is anything that the device has not seen. */
async function look(
  store: LogStore,
  log: string,
  seen: Seen,
  bounds: RangeLimits,
): Promise<{ readonly text: string; readonly isNews: boolean }> {
  if (!(await follows(store, log, seen))) return { text: divergedText((await store.head(log)).position), isNews: true }
  const { text, head } = await readPage(store, log, seen, bounds)
  return { text, isNews: head > seen.position }
}
