import { isCount } from '../core/guard.ts'
import { rowFormat, snapshotChain } from '../protocol/rows.ts'
import type { Snapshot } from '../protocol/worker.ts'
import type { Store } from '../store/store.ts'

/** A view's saved state, or nothing when there is none that can be read. */
export async function getSnapshot(store: Store, key: string): Promise<Snapshot | undefined> {
  const [row] = await store.run([{ op: 'get', store: 'state', key: [`${snapshotChain}${key}`, 0] }])
  if (row?.format !== rowFormat) return undefined
  const { position, state, revision = 0 } = row
  const isSnapshot = isCount(position) && typeof state === 'string' && isCount(revision)
  return isSnapshot ? { position, state, revision } : undefined
}

/** Saves a view's state. A cache beside the log, so the last one to save wins: an older snapshot only costs a longer fold. */
export async function putSnapshot(store: Store, key: string, { position, state, revision }: Snapshot): Promise<void> {
  const row = { chain: `${snapshotChain}${key}`, n: 0, format: rowFormat, position, state, revision } as const
  await store.run([{ op: 'put', store: 'state', row }], { write: true })
}
