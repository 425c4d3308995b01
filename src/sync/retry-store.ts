import { isCount, isRecord } from '../core/guard.ts'
import type { Engine } from '../log/engine.ts'
import type { SyncLink } from '../protocol/notice.ts'
import { rowFormat, syncChain } from '../protocol/rows.ts'

/** How the last try failed, as the next leader finds it. */
export interface Retry {
  readonly link: SyncLink
  /** The server asked not to be asked before this time. */
  readonly holdUntil: number
}

export async function loadRetry({ store }: Engine): Promise<Retry | undefined> {
  const [row] = await store.run([{ op: 'get', store: 'state', key: [syncChain, 0] }])
  // One that is damaged is one try earlier than there need be.
  return row?.format === rowFormat && isRetry(row.retry) ? row.retry : undefined
}
const isRetry = (value: unknown): value is Retry =>
  isRecord(value) &&
  typeof value.holdUntil === 'number' &&
  isRecord(value.link) &&
  typeof value.link.state === 'string' &&
  [value.link.sent, value.link.serverHead, value.link.failures].every((count) => isCount(count)) &&
  (value.link.retryAt === undefined || typeof value.link.retryAt === 'number')

/** Keeps it, or that there is none. Sync goes on without it when storage refuses. */
export function keepRetry({ store }: Engine, retry: Retry | undefined): void {
  const row = { ...stateRow(0), retry }
  store.run([{ op: 'put', store: 'state', row }], { write: true }).catch(() => {})
}

/**
 * Notes, before a push leaves, that commits up to this revision may be in it. A key for each revision, of which the
 * highest counts: two leaders can't take it back. Reads the tail after it, so that a commit is either seen as withdrawn
 * by who is about to push it, or seen as noted by who withdraws it and looks afterwards.
 */
export async function noteSending(engine: Engine, revision: number): Promise<void> {
  const older = { op: 'delete', store: 'state', from: [syncChain, 1], to: [syncChain, revision] } as const
  const put = { op: 'put', store: 'state', row: stateRow(revision) } as const
  await engine.store.run([older, put], { write: true })
  await engine.catchUp()
}

/** Whether a pending commit of this revision may have been part of a push; asked after a withdrawal is written. */
export async function mayBeSent({ store }: Engine, revision: number): Promise<boolean> {
  const [noted] = await store.run([
    { op: 'range', store: 'state', from: [syncChain, revision], to: [syncChain, Number.MAX_SAFE_INTEGER], limit: 1 },
  ])
  return noted.length > 0
}

const stateRow = (n: number) => ({ chain: syncChain, n, format: rowFormat }) as const
