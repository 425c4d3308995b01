import type { CommandData, Commit, Metadata } from '../core/commit.ts'
import type { AnyDecider } from '../core/decider.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import { type Issue, issuesToText } from '../core/outcome.ts'
import { type AnyFact, checkData, prepareEvent } from '../core/prepare.ts'
import { timeNow } from '../core/time.ts'
import type { AppendAnswer, KeptChanges } from '../protocol/worker.ts'
import type { ConsumerPorts } from './ports.ts'

export interface Sent {
  /** Names the effect: whoever appends it first, on whatever device, it is there once. */
  readonly id: string
  readonly metadata: Metadata
  readonly facts?: readonly AnyFact[]
  readonly command?: CommandData
  /** Kept with it, if it is admitted. */
  readonly keep?: KeptChanges
}
/** `taken`: it is here, or was decided to be nothing · `known`: it was here before · `refused` by its decider */
export type SentAs = 'taken' | 'known' | 'refused'

/** A command for a decider, as it is sent. Throws `tidelog/data` for one that its schema refuses. */
export function toCommand(decider: AnyDecider, command: unknown): CommandData {
  mustBe(typeof decider?.decide === 'function', 'a decider', decider)
  const issues: Issue[] = []
  const data = checkData(decider.command, command, 'command', issues)
  if (issues.length > 0) throw new TidelogError('tidelog/data', issuesToText(issues))
  return { name: decider.name, v: decider.version, data }
}

/** Appends what a consumer has come to. Rejects with `tidelog/data` for facts that the log refuses, and with `tidelog/storage-lost`. */
export async function sendCommit(
  { call, definitions, clock, random }: Pick<ConsumerPorts, 'call' | 'definitions' | 'clock' | 'random'>,
  { id, metadata, facts = [], command, keep }: Sent,
): Promise<SentAs> {
  const issues: Issue[] = []
  const events = facts.map((fact, at) => prepareEvent(definitions, fact, undefined, at, issues))
  if (issues.length > 0) throw new TidelogError('tidelog/data', issuesToText(issues))
  const commit: Commit = { id, contentId: random.newId(), time: timeNow(clock), metadata, command, events }
  const text = JSON.stringify(commit)
  const answers = await call((api) => api.append([[text, JSON.stringify({ options: {}, keep })]]))
  return sentAs(answers[0] as AppendAnswer, command !== undefined)
}

function sentAs(answer: AppendAnswer, isCommand: boolean): SentAs {
  if (answer.ok) return answer.known === undefined || isCommand ? 'taken' : 'known'
  const { reason } = answer
  switch (reason.type) {
    case 'IdTaken':
      // The same event asked for another command before: which of them is meant can't be told.
      if (isCommand) throw new TidelogError('tidelog/data', 'another command was executed for this event before')
      return 'known'
    case 'Refused':
      return 'refused'
    case 'Error':
      throw new TidelogError(reason.code, reason.message)
    case 'StorageFull':
    case 'StorageUnavailable':
      throw new TidelogError('tidelog/storage-lost', reason.message)
    default:
      throw new TidelogError('tidelog/data', `${reason.type}: ${reason.message}`)
  }
}
