import type { Metadata } from '../core/commit.ts'
import type { KeptChanges, KeptRow } from '../protocol/worker.ts'
import type { ConsumerPorts } from './ports.ts'

/** A task as it is kept. Each change adds the next row of its chain, and the last one counts: the key is the lease. */
export interface TaskRecord {
  readonly task: string
  /** Of the event that asked for it; with `task` it names the work. */
  readonly eventId: string
  readonly position: number
  readonly input: unknown
  readonly metadata: Metadata
  readonly status: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'
  /** Milliseconds since 1970. */
  readonly dueAt: number
  readonly attempts: number
  /** How often it was made due again by hand. */
  readonly round?: number
  readonly firstAt?: number
  readonly endedAt?: number
  /** Why the last try failed. */
  readonly message?: string
  readonly progress?: unknown
  /** While it runs: who runs it, and until when that is believed. */
  readonly runner?: string
  readonly leaseUntil?: number
  /** Its end is being written: it can't be cancelled any more. */
  readonly isEnding?: boolean
}
export interface KeptTask {
  readonly n: number
  readonly record: TaskRecord
}

const openPart = 'task'
const endedPart = 'ended'
const chainOf = (part: string, task: string, eventId = ''): string =>
  [part, encodeURIComponent(task), encodeURIComponent(eventId)].join('/')
const ownChain = (part: string, { task, eventId }: Pick<TaskRecord, 'task' | 'eventId'>): string =>
  `${chainOf(part, task, eventId)}/`

/** The tasks of a kind, or of all, that have not ended, by the event that asked for them. */
export async function listOpen(call: ConsumerPorts['call'], task?: string): Promise<readonly KeptTask[]> {
  const rows = await call((api) => api.listKept(task === undefined ? `${openPart}/` : chainOf(openPart, task)))
  return lastOf(rows).filter(isOpen)
}

/** The tasks of a kind that have ended, or the one of an event. */
export async function listEnded(
  call: ConsumerPorts['call'],
  task?: string,
  eventId?: string,
): Promise<readonly KeptTask[]> {
  const part = task === undefined ? `${endedPart}/` : chainOf(endedPart, task, eventId)
  return lastOf(await call((api) => api.listKept(eventId === undefined ? part : `${part}/`)))
}

/** The next key of a task that is cancelled stays taken, so that its runner finds it so. */
const isOpen = ({ record }: KeptTask): boolean => record.status !== 'cancelled'

function lastOf(rows: readonly KeptRow[]): readonly KeptTask[] {
  const last = new Map<string, KeptTask>()
  for (const { chain, n, value } of rows) last.set(chain, { n, record: value as TaskRecord })
  return [...last.values()]
}

/** The next row of a task. With `add` it is refused where somebody else was first. */
export const nextRow = (n: number, record: TaskRecord): KeptRow => ({
  chain: ownChain(openPart, record),
  n,
  value: record,
})

/** Ends a task: what is left of it is one row among those that have ended. */
export const endOf = (n: number, record: TaskRecord): KeptChanges => ({
  put: [{ chain: ownChain(endedPart, record), n: 0, value: record }],
  delete: [{ chain: ownChain(openPart, record), from: 0, to: n }],
  isAnnounced: true,
})

/** Ends a task that nobody has ended, or whose next key nobody has taken. */
export const cancelOf = (n: number, record: TaskRecord): KeptChanges => ({
  add: [nextRow(n + 1, record), { chain: ownChain(endedPart, record), n: 0, value: record }],
  isAnnounced: true,
})

/** Forgets a task that has ended. */
export const forgetEnded = (
  record: Pick<TaskRecord, 'task' | 'eventId'>,
): Required<Pick<KeptChanges, 'delete' | 'isAnnounced'>> => ({
  delete: [
    { chain: ownChain(endedPart, record), from: 0, to: 0 },
    { chain: ownChain(openPart, record), from: 0, to: Number.MAX_SAFE_INTEGER },
  ],
  isAnnounced: true,
})
