import { createBreather } from '../src/core/breather.ts'
import { isCount, isRecord } from '../src/core/guard.ts'
import { isPushEnvelope, type Seen, syncProtocol, type Verdict } from '../src/protocol/sync.ts'
import type { Admitted } from './admit.ts'
import { type BodyBounds, readJson } from './body.ts'
import { check } from './check.ts'
import type { HandlerContext } from './context.ts'
import type { Candidate, Rejected } from './judge.ts'
import { countVerdicts, type PushEvent } from './observe.ts'
import { divergedText, follows, pullFirstText, readPage } from './page.ts'
import { jsonResponse, refuse } from './problems.ts'
import { busy } from './settle.ts'

/** Bytes of a body that count as one request more. */
const bytesOfTurn = 100_000
/** How long one push is worked on before others get their turn. */
const breathMs = 10

interface Pushing extends Admitted {
  readonly requestId: string | undefined
}

/** `POST {log}/push`: judges a run and appends what is accepted. */
export async function push(request: Request, who: Pushing, context: HandlerContext): Promise<Response> {
  const { store, limits, pushes, sealer, eraser } = context
  const { storeLog: log, client } = who
  const { bytes, value } = await readJson(request, toBodyBounds(context))
  if (client !== undefined) context.rate.charge(client, Math.floor(bytes / bytesOfTurn))
  const { seen, commits } = envelopeOf(value)
  if (commits.length > limits.runCommitsMax)
    refuse(413, 'too-many', 'The run is too long', { detail: `At most ${limits.runCommitsMax} commits.` })
  const run = await checkAll(commits, who, context)

  const tell = (outcome: PushEvent['outcome'], verdicts: readonly Verdict[] = []): void =>
    context.observe?.({
      type: 'push',
      requestId: who.requestId,
      log: who.log,
      outcome,
      verdicts: countVerdicts(verdicts),
    })
  if (!(await follows(store, log, seen))) {
    tell('diverged')
    return jsonResponse(divergedText((await store.head(log)).position))
  }
  const settled = await (pushes.settle({ log, name: who.log, seen, run }) ?? busy())
  tell(settled.status, settled.status === 'verdicts' ? settled.verdicts : [])
  if (settled.status === 'pull-first') return jsonResponse(pullFirstText((await store.head(log)).position))
  const page = await readPage(store, log, seen, context.pageLimits)
  sealer.look(log, page.head)
  eraser.look(log, page.head)
  const verdicts = JSON.stringify(settled.verdicts)
  return jsonResponse(`{"protocol":${syncProtocol},"status":"verdicts","verdicts":${verdicts},"page":${page.text}}`)
}

const toBodyBounds = ({ limits, clock }: HandlerContext): BodyBounds => ({
  bytesMax: limits.bodyBytesMax,
  msMax: limits.bodyMsMax,
  valuesMax: limits.bodyValuesMax,
  clock,
})

/** Checks each commit for itself; others are served between them. */
async function checkAll(
  commits: readonly unknown[],
  { actor, log }: Admitted,
  { definitions, authorizeCommit, validate, clock }: HandlerContext,
): Promise<readonly (Candidate | Rejected)[]> {
  const breathe = createBreather(clock, breathMs)
  const run: (Candidate | Rejected)[] = []
  for (const commit of commits) {
    run.push(await check(commit, { actor, log, definitions, authorizeCommit, validate }))
    await breathe()
  }
  return run
}

function envelopeOf(body: unknown): { readonly seen: Seen; readonly commits: readonly unknown[] } {
  if (isRecord(body) && isCount(body.protocol) && body.protocol !== syncProtocol) return wrongProtocol()
  if (!isPushEnvelope(body)) return refuse(400, 'push', 'The body is not a push request')
  return body
}

export const wrongProtocol = (): never =>
  refuse(426, 'protocol', 'This server speaks another version of the protocol', {
    detail: `It speaks ${syncProtocol}.`,
  })
