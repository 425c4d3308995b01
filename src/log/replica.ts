import type { Commit } from '../core/commit.ts'
import { timeNow } from '../core/time.ts'
import { identityChain, replicaChain, rowFormat, type StateRow } from '../protocol/rows.ts'
import type { AppendAnswer, Bring, BroughtAnswer, DeadLetterData } from '../protocol/worker.ts'
import { type Request, type Store, StoreError, type StoreName } from '../store/store.ts'
import type { Appender } from './appender.ts'
import { keepLetter, listDeadLetters } from './dead-letters.ts'
import type { Engine } from './engine.ts'
import { takeOut } from './rebase.ts'
import { commitsBehind, importedMax, withoutPlaces } from './transfer.ts'

/** How a database ends. */
export interface Ending {
  /** Where the log goes on. Empty: nowhere, it is to be deleted. */
  readonly to: string
  /** What is brought over there. */
  readonly bring: Bring
  /** Then it holds nothing that is not there. */
  readonly mayBeDropped: boolean
  /** The last commit of a log that was pushed as it is: where that one is known, all are. */
  readonly pushed?: string | undefined
}
/** Where a log goes on whose database has ended. */
export interface Pointer extends Ending {
  readonly time: string
  /** Its content is gone. */
  readonly isDropped?: boolean
}

const at = { from: 0, pointer: 1 } as const
const rowOf = (n: number, value: unknown): StateRow => ({ chain: replicaChain, n, format: rowFormat, value })

const get = async <T>(store: Store, n: number): Promise<T | undefined> => {
  const [row] = await store.run([{ op: 'get', store: 'state', key: [replicaChain, n] }])
  return row?.value as T | undefined
}
/** The database before, as long as something is to be brought over from it. */
export const getFrom = (store: Store): Promise<string | undefined> => get(store, at.from)
export const getPointer = (store: Store): Promise<Pointer | undefined> => get(store, at.pointer)

export async function putFrom(store: Store, from: string): Promise<void> {
  await store.run([{ op: 'put', store: 'state', row: rowOf(at.from, from) }], { write: true })
}
export async function forgetFrom(store: Store): Promise<void> {
  const key = [replicaChain, at.from] as const
  // What was brought over is on disk before anybody may drop where it came from.
  await store.run([{ op: 'delete', store: 'state', from: key, to: key }], { write: true, durability: 'strict' })
}

/** Ends the database: nobody writes to it any more. False when `mayEnd` says no at that moment. */
export async function endDatabase(
  engine: Engine,
  ending: Ending,
  mayEnd: () => boolean = () => true,
): Promise<boolean> {
  const pointer: Pointer = { ...ending, time: timeNow(engine.clock) }
  const ended = await engine.write(() =>
    mayEnd()
      ? {
          row: { kind: 'moved', to: ending.to },
          beside: [{ op: 'put', store: 'state', row: rowOf(at.pointer, pointer) }],
          // The database that it points to is there: what comes next may rest on it.
          durability: 'strict',
          result: true,
        }
      : undefined,
  )
  return ended === true
}

const stores: readonly StoreName[] = ['writes', 'log', 'dir', 'state']

/** Removes all that an ended database holds but for where the log goes on. Only for who has it open alone. */
export async function dropContent(store: Store): Promise<void> {
  const pointer = await getPointer(store)
  if (pointer === undefined) throw new StoreError('lost', 'this is no archive')
  const [identity] = await store.run([{ op: 'get', store: 'state', key: [identityChain, 0] }])
  const kept = [...(identity === undefined ? [] : [identity]), rowOf(at.pointer, { ...pointer, isDropped: true })]
  await store.run(
    [
      ...stores.map((name): Request => ({ op: 'delete', store: name })),
      ...kept.map((row): Request => ({ op: 'put', store: 'state', row })),
    ],
    { write: true },
  )
}

/** What is brought over, and where to. */
interface Target {
  readonly engine: Engine
  readonly appender: Appender
}

/**
 * Appends what another database holds behind a position, as new commits with the ids that they had; those that are known stay as
 * they are. Confirmed ones first, in steps; then, in the last one, what is pending there, commands being decided anew, and its
 * dead letters. What the log refuses is a dead letter here: nothing is dropped.
 */
export async function bring(target: Target, source: Engine, what: Bring, after: number): Promise<BroughtAnswer> {
  await source.catchUp()
  const head = source.view.confirmed.head.position
  const commits = what === 'missing' ? await commitsBehind(source, after) : []
  if (commits.length > 0) {
    const through = commits.reduce((last, { commit }) => last + commit.events.length, after)
    const plain = commits.map(({ commit }) => withoutPlaces({ ...commit, condition: undefined, command: undefined }))
    const done = await appendAll(target, plain)
    return { through, head, isDone: false, ...done }
  }
  if (what === 'nothing') return { through: head, head, isDone: true, commits: 0, letters: 0 }
  const pending = [...source.view.pending.list()].map(({ commit }) => commit)
  const { random } = target.engine
  // Nobody can tell what came between for a commit that hung on what its device had seen, but a command can be decided again.
  const isLost = ({ condition, command }: Commit): boolean => condition !== undefined && command === undefined
  const brought = await appendAll(
    target,
    pending
      .filter((commit) => !isLost(commit))
      .map(({ condition: _, ...commit }) =>
        commit.command === undefined
          ? commit
          : { ...commit, contentId: random.newId(), attempt: (commit.attempt ?? 1) + 1, events: [] },
      ),
    pending,
  )
  const conflict: DeadLetterData['reason'] = { type: 'Conflict', events: [] }
  const lost = pending.filter(isLost).map((commit) => ({ commit, reason: conflict }))
  const before = await listDeadLetters(source)
  const older = before.map(({ commit, reason }) => ({ commit: JSON.parse(commit) as Commit, reason }))
  const letters = brought.letters + (await keepLetters(target, [...lost, ...older]))
  return { through: head, head, isDone: true, commits: brought.commits, letters }
}

interface Letter {
  readonly commit: Commit
  readonly reason: DeadLetterData['reason']
}

/** `asWere`: what a refused one is kept as, where that is not how it is appended. */
async function appendAll(
  target: Target,
  commits: readonly Commit[],
  asWere: readonly Commit[] = commits,
): Promise<Pick<BroughtAnswer, 'commits' | 'letters'>> {
  const letters: Letter[] = []
  for (let from = 0; from < commits.length; from += importedMax) {
    const some = commits.slice(from, from + importedMax)
    const answers = await target.appender.append(some.map((commit) => [JSON.stringify(commit), '{"options":{}}']))
    for (const [nth, answer] of answers.entries()) {
      const reason = reasonOf(answer)
      const commit = asWere.find(({ id }) => id === some[nth]?.id)
      if (reason !== undefined && commit !== undefined) letters.push({ commit, reason })
    }
  }
  return { commits: commits.length - letters.length, letters: await keepLetters(target, letters) }
}

function reasonOf(answer: AppendAnswer): DeadLetterData['reason'] | undefined {
  if (answer.ok) return undefined
  const { reason } = answer
  switch (reason.type) {
    // The first content that was accepted under an id is the truth.
    case 'IdTaken':
      return undefined
    case 'StorageFull':
    case 'StorageUnavailable':
      throw new StoreError('full', reason.message)
    case 'Refused':
      return { type: 'Refused', refusal: reason.refusal, events: [] }
    default:
      return { type: 'Rejected', problem: { type: reason.type, title: messageIn(reason) } }
  }
}

const messageIn = (reason: object): string =>
  'message' in reason && typeof reason.message === 'string' ? reason.message : 'the log does not take it'

/** Keeps commits that did not come into the log; answers how many were not known. */
async function keepLetters({ engine }: Target, letters: readonly Letter[]): Promise<number> {
  if (letters.length === 0) return 0
  const kept = await engine.write(async (view) => {
    const isNew = await Promise.all(
      letters.map(
        async ({ commit: { id } }) =>
          !view.dead.has(id) && view.pending.get(id) === undefined && (await view.positionOf(id)) === undefined,
      ),
    )
    const fresh = letters.filter((_, nth) => isNew[nth])
    if (fresh.length === 0) return undefined
    return {
      row: { ...takeOut([]), refused: fresh.map(({ commit }) => commit.id) },
      beside: fresh.map(({ commit, reason }) => keepLetter(engine, commit, reason)),
      result: fresh.length,
    }
  })
  return kept ?? 0
}
