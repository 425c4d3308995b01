import type { Commit } from '../core/commit.ts'
import { digestOfNothing, nextDigest } from '../core/digest.ts'
import { isTidelogError, messageOf } from '../core/errors.ts'
import { runBytesMax, runCommitsMax } from '../core/limits.ts'
import type { Engine } from '../log/engine.ts'
import { commitsBehind } from '../log/transfer.ts'
import { type Seen, syncProtocol } from '../protocol/sync.ts'
import type { AttachAnswer } from '../protocol/worker.ts'
import type { Transport } from './transport.ts'

/** How far a log is at the server now, or why it can't be. */
export type PushedAll =
  | { readonly ok: true; readonly through: number /** Id of the last commit. */; readonly last?: string | undefined }
  | Extract<AttachAnswer, { ok: false }>

/**
 * Gives a log that was its own sequencer to the server, which takes it as it is: same commits, same positions. One that broke
 * off goes on where it was, since what the server has is the beginning of this log then.
 */
export async function pushAll(engine: Engine, transport: Transport): Promise<PushedAll> {
  const { signal } = new AbortController()
  let seen: Seen = { position: 0, digest: digestOfNothing }
  let last: string | undefined
  try {
    const { head } = await transport.pull(seen, signal)
    const notEmpty: PushedAll = { ok: false, reason: { type: 'NotEmpty', head } }
    /** The server is known to have what this log has up to here. */
    let isSame = head === 0
    for (;;) {
      await engine.catchUp()
      const commits = await commitsBehind(engine, seen.position)
      if (commits.length === 0) return isSame ? { ok: true, through: seen.position, last } : notEmpty
      last = commits.at(-1)?.commit.id
      for (const run of runsOf(commits.map(({ commit }) => commit))) {
        for (const [at, commit] of isSame ? [] : run.entries()) {
          if (seen.position >= head) break
          seen = behind(seen, commit)
          if (seen.position !== head) continue
          if ((await transport.pull(seen, signal)).status === 'diverged') return notEmpty
          isSame = true
          run.splice(0, at + 1)
        }
        if (!isSame || run.length === 0) continue
        const answer = await transport.push({ protocol: syncProtocol, seen, commits: run.map(toSent) }, signal)
        if (answer.status !== 'verdicts') return notEmpty
        for (const [at, verdict] of answer.verdicts.entries()) {
          if (verdict.verdict === 'rejected')
            return { ok: false, reason: { type: 'Rejected', commitId: verdict.id, problem: verdict.problem } }
          seen = behind(seen, run[at] as Commit)
          // Somebody else writes to it at the same time.
          if (!('position' in verdict) || verdict.position !== seen.position) return notEmpty
        }
      }
    }
  } catch (error) {
    if (isTidelogError(error)) throw error
    return { ok: false, reason: { type: 'Unreachable', message: messageOf(error) } }
  }
}

const behind = ({ position, digest }: Seen, { id, contentId, events }: Commit): Seen => ({
  position: position + events.length,
  digest: nextDigest(digest, id, contentId),
})

/** What it was decided from has held here: the server need not look at it. */
const toSent = ({ command: _command, attempt: _attempt, condition: _condition, ...sent }: Commit): Commit => sent

/** Bounded by count and bytes, as every push. */
function* runsOf(commits: readonly Commit[]): Generator<Commit[]> {
  let run: Commit[] = []
  let size = 0
  for (const commit of commits) {
    const text = JSON.stringify(commit)
    if (run.length >= runCommitsMax || (run.length > 0 && size + text.length > runBytesMax)) {
      yield run
      run = []
      size = 0
    }
    run.push(commit)
    size += text.length
  }
  if (run.length > 0) yield run
}
