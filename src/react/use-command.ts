import { useMemo } from 'react'
import type { AppendOptions, Confirmation, Executed, Log } from '../client/types.ts'
import type { RefusalData } from '../core/command.ts'
import type { AnyDecider, CommandOf, RefusalsOf } from '../core/decider.ts'
import type { EventMap } from '../core/event.ts'
import { createCell, type Observable } from '../core/observable.ts'
import type { AppendRefused, Receipt } from '../core/outcome.ts'
import type { Problem } from '../protocol/sync.ts'
import { useObservable } from './use-observable.ts'

/** Executes the command. What it rejects with is also the state's `error`, so a click may leave it alone. */
export type RunCommand<M extends EventMap, D extends AnyDecider> = (
  command: CommandOf<D>,
  options?: Omit<AppendOptions, 'expectedVersion'>,
) => Promise<Executed<M, D>>

/** Why a commit did not come into the log. */
export interface RefusedLater<D extends AnyDecider> {
  readonly commitId: string
  readonly reason: RefusalsOf<D> | { readonly type: 'Rejected'; readonly problem: Problem }
}

/** What became of the commands that this component ran. */
export interface CommandState<D extends AnyDecider> {
  /** Commits that are not confirmed yet. */
  readonly pending: number
  /** Something is being decided and recorded on this device. */
  readonly running: boolean
  /** The last "no" of this device; gone with the next run. */
  readonly refused: AppendRefused | RefusalsOf<D> | undefined
  /** The last "no" of the server, to a commit that this device took; stays until `reset`. */
  readonly refusedLater: RefusedLater<D> | undefined
  /** What the last run, or the wait for its confirmation, was rejected with; gone with the next run. */
  readonly error: unknown
  /** Forgets both refusals and the error. */
  readonly reset: () => void
}

/** Runs a decider's commands, and follows them until the server has said yes or no. */
export function useCommand<M extends EventMap, Ds extends AnyDecider, D extends Ds>(
  log: Log<M, Ds>,
  decider: D,
): readonly [run: RunCommand<M, D>, state: CommandState<D>] {
  const { run, state } = useMemo(() => createRuns<M, Ds, D>(log, decider), [log, decider])
  return [run, useObservable(state, state.get())]
}

interface Runs<M extends EventMap, D extends AnyDecider> {
  readonly run: RunCommand<M, D>
  readonly state: Observable<CommandState<D>>
}

function createRuns<M extends EventMap, Ds extends AnyDecider, D extends Ds>(log: Log<M, Ds>, decider: D): Runs<M, D> {
  const pending = new Map<string, Receipt<RefusalsOf<D>>>()
  let running = 0
  // Nobody watches before the component is mounted and while it is hidden: waiting costs a question at each move of the log.
  let watching: AbortController | undefined
  const none = { refused: undefined, error: undefined }
  const reset = (): void => show({ ...none, refusedLater: undefined })
  const cell = createCell<CommandState<D>>({ ...none, refusedLater: undefined, pending: 0, running: false, reset })
  const show = (change: Partial<CommandState<D>>): void =>
    cell.set({ ...cell.get(), pending: pending.size, running: running > 0, ...change })

  const watch = async (receipt: Receipt<RefusalsOf<D>>): Promise<void> => {
    if (watching === undefined) return
    const { signal } = watching
    const change = await log.whenConfirmed(receipt, { signal }).then(
      (end) => toChange<D>(receipt.commitId, end as Confirmation<EventMap, RefusalData>),
      (error: unknown) => ({ error }),
    )
    if (signal.aborted) return
    pending.delete(receipt.commitId)
    show(change)
  }
  const subscribe = (onChange: () => void): (() => void) => {
    const stop = cell.subscribe(onChange)
    watching = new AbortController()
    for (const receipt of pending.values()) watch(receipt)
    return () => {
      stop()
      watching?.abort()
      watching = undefined
    }
  }
  const execute: RunCommand<M, D> = async (command, options) => {
    running++
    show(none)
    let change: Partial<CommandState<D>> = {}
    try {
      const outcome = await log.execute(decider, command, options)
      if (outcome.ok) {
        pending.set(outcome.receipt.commitId, outcome.receipt)
        watch(outcome.receipt)
      } else change = { refused: outcome.reason }
      return outcome
    } catch (error) {
      change = { error }
      throw error
    } finally {
      running--
      show(change)
    }
  }
  const run: RunCommand<M, D> = (command, options) => {
    const outcome = execute(command, options)
    outcome.catch(() => {})
    return outcome
  }
  return { run, state: { get: cell.get, subscribe } }
}

/** What a commit's end changes. It is of the decider's types: the receipt was. */
function toChange<D extends AnyDecider>(
  commitId: string,
  end: Confirmation<EventMap, RefusalData>,
): Partial<CommandState<D>> {
  if (end.status !== 'refused' && end.status !== 'rejected') return {}
  const reason = end.status === 'refused' ? end.reason : { type: 'Rejected', problem: end.problem }
  return { refusedLater: { commitId, reason } as RefusedLater<D> }
}
