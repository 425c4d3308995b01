import { mustBe } from '../core/errors.ts'
import type { Observable } from '../core/observable.ts'
import { createCell } from '../core/observable.ts'
import type { ConsumerPorts } from './ports.ts'
import { cancelOf, forgetEnded, type KeptTask, listEnded, listOpen, nextRow, type TaskRecord } from './task-rows.ts'

/** A task as it is shown. */
export interface TaskState extends Omit<TaskRecord, 'runner' | 'leaseUntil' | 'metadata' | 'round' | 'isEnding'> {
  /** Names the task: its kind and the event that asked for it. */
  readonly id: string
}

/** The tasks of a log, whichever tab runs them: those that are open, by the time they are due, then those that have ended. */
export interface Tasks extends Observable<readonly TaskState[]> {
  readonly list: () => Promise<readonly TaskState[]>
  /** Ends a task that has not ended, without an event; a running one is aborted. Answers whether it was open. */
  readonly cancel: (id: string) => Promise<boolean>
  /** Makes a task that failed or was cancelled due again, with all its tries; answers whether it was one. Its events stay. */
  readonly retry: (id: string) => Promise<boolean>
  /** Forgets a task that has ended, or all of them; answers how many. */
  readonly discard: (id?: string) => Promise<number>
  readonly close: () => void
}

export function createTasks({ call, clock, onMoved }: Pick<ConsumerPorts, 'call' | 'clock' | 'onMoved'>): Tasks {
  const cell = createCell<readonly TaskState[]>([])
  let shown = ''
  const all = async (): Promise<readonly KeptTask[]> => {
    const [open, ended] = await Promise.all([listOpen(call), listEnded(call)])
    const byTime = (a: KeptTask, b: KeptTask): number => a.record.dueAt - b.record.dueAt
    return [...[...open].sort(byTime), ...[...ended].sort(byTime)]
  }
  const list = async (): Promise<readonly TaskState[]> => {
    const states = (await all()).map(({ record }) => toState(record))
    const text = JSON.stringify(states)
    if (text !== shown) cell.set(states)
    shown = text
    return cell.get()
  }
  const find = async (id: string): Promise<KeptTask | undefined> =>
    (await all()).find(({ record }) => idOf(record) === id)
  const isOpen = ({ status }: TaskRecord): boolean => status === 'waiting' || status === 'running'
  const after = async <T>(result: T): Promise<T> => {
    await list()
    return result
  }
  const stop = onMoved(() => void list().catch(() => {}))
  list().catch(() => {})
  return {
    ...cell,
    list,
    cancel: async (id) => {
      for (;;) {
        const task = await find(id)
        if (task === undefined || !isOpen(task.record)) return after(false)
        if (task.record.isEnding && (task.record.leaseUntil ?? 0) > clock.now()) return after(false)
        const ended = { ...task.record, status: 'cancelled', endedAt: clock.now() } as const
        if (await call((api) => api.keep(cancelOf(task.n, ended)))) return after(true)
      }
    },
    retry: async (id) => {
      const task = await find(id)
      if (task === undefined || isOpen(task.record) || task.record.status === 'done') return after(false)
      const { firstAt: _first, endedAt: _ended, ...record } = task.record
      const round = (record.round ?? 0) + 1
      const waiting = { ...record, status: 'waiting', round, attempts: 0, dueAt: clock.now() } as const
      // Above all keys of the rounds before: a runner of those that comes back changes nothing.
      const again = { ...forgetEnded(task.record), add: [nextRow(round * 1_000_000, waiting)] }
      return after(await call((api) => api.keep(again)))
    },
    discard: async (id) => {
      if (id !== undefined) mustBe((await find(id)) !== undefined, 'a task', id)
      const gone = (await all()).filter(({ record }) => !isOpen(record) && (id === undefined || idOf(record) === id))
      for (const { record } of gone) await call((api) => api.keep(forgetEnded(record)))
      return after(gone.length)
    },
    close: stop,
  }
}

const idOf = ({ task, eventId }: Pick<TaskRecord, 'task' | 'eventId'>): string => `${task}/${eventId}`

const toState = ({
  runner: _runner,
  leaseUntil: _lease,
  metadata: _metadata,
  round: _round,
  isEnding: _ending,
  ...record
}: TaskRecord): TaskState => ({
  ...record,
  id: idOf(record),
})
