import { type Deciders, type Ruling, Undecidable } from '../core/command.ts'
import type { Commit } from '../core/commit.ts'
import { matches, type Selector } from '../core/query.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import { timeNow } from '../core/time.ts'
import type { AppendReason } from '../protocol/worker.ts'
import { countOn } from './admission.ts'
import { toErrorReason, tooLargeOf } from './append-call.ts'
import { closedStream } from './closed-stream.ts'
import { placeOf } from './content.ts'
import type { Deciding, Ending, Ground, Ready } from './deciding-port.ts'
import { Draft } from './draft.ts'
import type { PendingCommit } from './pending-queue.ts'
import type { View } from './view.ts'

/** Decides by the rules of an app. Apart from the log, so that a worker without rules does not carry it. */
export function createDeciding(deciders: Deciders): Deciding {
  let kept: { readonly draft: Draft; readonly view: View; readonly reordered: number } | undefined
  /** What was folded stays true while the log only grows at its end. */
  const draftOf = (ground: Ground): Draft => {
    const { view } = ground
    const { reordered } = view
    if (kept?.view !== view || kept.reordered !== reordered) kept = { draft: new Draft(ground), view, reordered }
    return kept.draft
  }
  return {
    forGroup: (ground, isLocal, mustBeKept) => {
      const draft = draftOf(ground)
      const rulingFor = ({ id, command }: Commit): Ruling => {
        if (command === undefined) throw new Undecidable('needs-decider', id)
        const ruling = deciders(command)
        mustBeKept(ruling.condition.streams ?? [])
        return ruling
      }
      return async (commit, staged) => {
        try {
          return await decide(ground, rulingFor(commit), draft, staged, commit, isLocal)
        } catch (error) {
          return refuse(commit, toReason(error))
        }
      }
    },
    forQueue: (ground) => {
      const draft = new Draft(ground)
      return {
        endingOf: (item) => decideAgain(ground, deciders, draft, item),
        replace: (item, commit) => draft.replace(item, commit),
      }
    },
  }
}

const refuse = (commit: Commit, reason: AppendReason): Ready => ({
  commit,
  text: '',
  admission: { kind: 'refuse', reason },
})

/** Why a decider could not be asked, or could not answer. */
export function toReason(error: unknown): AppendReason {
  if (!(error instanceof Undecidable)) return toErrorReason(error)
  const { type, message } = error
  return type === 'update-needed'
    ? { type: 'UpdateNeeded', eventType: message, message: `unknown event ${message}` }
    : { type: 'Error', code: 'tidelog/decider', message: `${type}: ${message}` }
}

/** Asks the decider of a command for its events, on all that stands before it. */
async function decide(
  { view }: Ground,
  ruling: Ruling,
  draft: Draft,
  staged: readonly Commit[],
  { command, ...head }: Commit,
  isLocal: boolean,
): Promise<Ready> {
  const state = await draft.stateAt(ruling, Infinity)
  const decided = ruling.decide(ruling.fold(state, await stagedMatching(view, staged, ruling.selectors)))
  if (decided.kind === 'refused') return refuse(head, { type: 'Refused', refusal: decided.refusal })
  if (decided.kind === 'invalid') {
    const message = 'the decided events are not as their schemas say'
    return refuse(head, { type: 'Invalid', issues: decided.issues, message })
  }
  // Where it is confirmed at once nobody will ask again.
  const kept = isLocal ? {} : { command, condition: ruling.condition }
  const commit: Commit = { ...head, ...kept, events: decided.events }
  const text = JSON.stringify(commit)
  if (commit.events.length === 0) return { commit, text, admission: { kind: 'nothing-to-do' } }
  const tooLarge = tooLargeOf(commit, text)
  return tooLarge === undefined ? { commit, text } : refuse(head, tooLarge)
}

/** Events of the group that a decision looks at, as they will stand behind the queue. */
async function stagedMatching(
  view: View,
  staged: readonly Commit[],
  selectors: readonly Selector[],
): Promise<readonly PlacedEvent[]> {
  const last = await view.versionsOf(staged.flatMap(({ events }) => events.map(({ stream }) => stream)))
  return staged.flatMap((commit) => {
    const versions = countOn(last, commit)
    return commit.events.flatMap((event, at) =>
      matches(selectors, event) ? { ...placeOf(commit, at), version: versions[at] ?? 0 } : [],
    )
  })
}

/** Asks the decider of a pending commit again, on what is confirmed and kept before it. */
async function decideAgain(ground: Ground, deciders: Deciders, draft: Draft, item: PendingCommit): Promise<Ending> {
  const { command, metadata, id, attempt = 1, events: before, condition: looked } = item.commit
  if (command === undefined) throw new Undecidable('needs-decider', id)
  const ruling = deciders(command)
  const decided = ruling.decide(await draft.stateAt(ruling, item.place))
  // A rule whose facts can't be stored has not said no.
  if (decided.kind === 'invalid') throw new Undecidable('decider-failed', JSON.stringify(decided.issues))
  if (decided.kind === 'refused') return { kind: 'refuse', refusal: decided.refusal }
  const { events } = decided
  if (events.length === 0) return { kind: 'nothing-to-do' }
  // Nobody can ask for it once more: what it would write to is closed.
  if ((await closedStream(ground.view, events, { place: item.place })) !== undefined) return { kind: 'refuse' }
  const { condition } = ruling
  if (JSON.stringify([events, condition]) === JSON.stringify([before, looked])) return { kind: 'keep' }
  const contentId = ground.random.newId()
  const time = timeNow(ground.clock)
  const commit: Commit = { id, contentId, time, condition, metadata, command, attempt: attempt + 1, events }
  const tooLarge = tooLargeOf(commit, JSON.stringify(commit))
  if (tooLarge !== undefined) throw new Undecidable('decider-failed', tooLarge.message)
  return { kind: 'replace', commit }
}
