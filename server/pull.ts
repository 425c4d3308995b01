import type { HandlerContext } from './context.ts'
import { divergedText, follows, readPage } from './page.ts'
import { jsonResponse } from './problems.ts'
import { boundOf, seenOf } from './routes.ts'

/** `GET {log}/pull?position=…&digest=…[&commitsMax=…][&bytesMax=…]`: the commits that follow. */
export async function pull(log: string, query: URLSearchParams, context: HandlerContext): Promise<Response> {
  const { store, pageLimits } = context
  const seen = seenOf(query)
  const commitsMax = boundOf(query, 'commitsMax', pageLimits.commitsMax)
  const bytesMax = boundOf(query, 'bytesMax', pageLimits.bytesMax)
  if (!(await follows(store, log, seen))) return jsonResponse(divergedText((await store.head(log)).position))
  return jsonResponse((await readPage(store, log, seen, { commitsMax, bytesMax })).text)
}
