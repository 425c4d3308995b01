// A device that speaks the bare protocol: it pushes runs of several commits, and again when no answer came.
import type { Commit } from '../../src/core/commit.ts'
import { isPushAnswer, type PushRequest, protocolHeader, syncProtocol, type Verdict } from '../../src/protocol/sync.ts'
import { between, pass, pick } from './chance.ts'
import { logName, nothing, streams } from './harbour.ts'
import { pull } from './server-log.ts'
import type { Part, Tally } from './tally.ts'

export interface Run {
  request: PushRequest
  isAnswered?: boolean
}

export interface Pusher {
  /** Takes in what others pushed. Before it has, a device that is far behind may not push. */
  readonly catchUp: () => Promise<void>
  /**
   * Pushes run after run while `goesOn`, until no answer comes. First of all it pushes again what it pushed last: what was
   * answered, like a device that lost the answer, and what was not.
   */
  readonly push: (goesOn?: () => boolean) => Promise<void>
  /** The run that was sent and has no answer yet. */
  readonly underWay: () => Run | undefined
  /** Runs that were answered. */
  readonly answered: () => number
  /** Commits of runs that were pushed again, by what the server said of them. */
  readonly again: { known: number; accepted: number; acceptedAfterAll: number }
}

export interface PusherOptions {
  /** Pause between two runs. */
  readonly pauseMs?: number
  readonly sizes?: readonly number[]
}

/** `tally` counts a commit as acknowledged when its verdict is here. */
export function createPusher(url: string, name: string, tally: Tally, options: PusherOptions = {}): Pusher {
  const { pauseMs = 0, sizes = [10, 100, 2_000, 20_000] } = options
  let seen = nothing
  let made = 0
  let answered = 0
  let last: Run | undefined
  let lastAnswered: Run | undefined
  const again = { known: 0, accepted: 0, acceptedAfterAll: 0 }

  const make = (): Run => {
    const commits = Array.from({ length: between(2, 6) }, () => toCommit(`${name}-${made++}`, sizes))
    for (const { id } of commits) tally.begun.add(id)
    return { request: { protocol: syncProtocol, seen, commits } }
  }
  /** Answers how many were accepted and how many known, or nothing when no answer came. */
  const send = async (run: Run): Promise<Counts | undefined> => {
    const answer = await ask(url, run.request)
    if (answer === undefined) return undefined
    if (answer === 'pull-first') {
      // Others have written more meanwhile than a push is compared with. What it says is said again from there.
      seen = (await pull(url, seen)).through
      run.request = { ...run.request, seen }
      return send(run)
    }
    const count = (which: Verdict['verdict']): number =>
      answer.verdicts.filter(({ verdict }) => verdict === which).length
    const counts = { accepted: count('accepted'), known: count('duplicate') }
    if (counts.accepted + counts.known < run.request.commits.length)
      throw new Error(`${name} was answered ${JSON.stringify(answer.verdicts)}`)
    for (const { id } of run.request.commits) tally.acknowledged.add(id)
    if (answer.through.position > seen.position) seen = answer.through
    run.isAnswered = true
    lastAnswered = run
    answered++
    return counts
  }
  const sendAgain = async (run: Run): Promise<boolean> => {
    const wasAnswered = run.isAnswered === true
    const counts = await send(run)
    if (counts === undefined) return false
    again.known += counts.known
    again[wasAnswered ? 'acceptedAfterAll' : 'accepted'] += counts.accepted
    return true
  }
  return {
    catchUp: async () => {
      seen = (await pull(url, seen)).through
    },
    push: async (goesOn = () => true) => {
      for (const run of new Set([lastAnswered, last])) if (run !== undefined && !(await sendAgain(run))) return
      while (goesOn()) {
        last = make()
        if ((await send(last)) === undefined) return
        await pass(pauseMs)
      }
    },
    underWay: () => (last?.isAnswered ? undefined : last),
    answered: () => answered,
    again,
  }
}

interface Counts {
  readonly accepted: number
  readonly known: number
}

async function ask(url: string, request: PushRequest) {
  const said = await fetch(`${url}/sync/${logName}/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', [protocolHeader]: String(syncProtocol) },
    body: JSON.stringify(request),
  })
    .then(async (response) => ({ status: response.status, text: await response.text() }))
    // Nobody there, or the answer was cut off.
    .catch(() => undefined)
  if (said === undefined) return undefined
  const answer: unknown = said.status === 200 ? JSON.parse(said.text) : undefined
  if (isPushAnswer(answer) && answer.status === 'pull-first') return answer.status
  if (!isPushAnswer(answer) || answer.status !== 'verdicts')
    throw new Error(`the server answered ${said.status} ${said.text.slice(0, 200)}`)
  return { verdicts: answer.verdicts, through: answer.page.through }
}

function toCommit(id: string, sizes: readonly number[]): Commit {
  const parts = between(1, 4)
  const events = Array.from({ length: parts }, (_, part) => {
    const size = pick(...sizes)
    const data: Part = { commit: id, part, parts, size, pad: '~'.repeat(size) }
    return { type: 'Berthed', stream: pick(...streams), data }
  })
  return { id, contentId: `${id}.x`, time: new Date().toISOString(), events }
}
