import { isCount } from '../core/guard.ts'
import { rowFormat, snapshotChain } from '../protocol/rows.ts'
import type { Snapshot } from '../protocol/worker.ts'
import type { Store } from '../store/store.ts'
import type { Engine } from './engine.ts'

/** A view's saved state, or nothing when there is none that can be read. */
export async function getSnapshot(store: Store, key: string): Promise<Snapshot | undefined> {
  const [row] = await store.run([{ op: 'get', store: 'state', key: [`${snapshotChain}${key}`, 0] }])
  if (row?.format !== rowFormat) return undefined
  const { position, state, revision = 0 } = row
  const isSnapshot = isCount(position) && typeof state === 'string' && isCount(revision)
  return isSnapshot ? { position, state, revision } : undefined
}

/**
 * Saves a view's state. A cache beside the log, so the last one to save wins: an older snapshot only costs a longer fold. One that
 * was made before the last erasure is not kept, whoever carried that out.
 */
export async function putSnapshot(engine: Engine, key: string, { position, state, revision }: Snapshot): Promise<void> {
  const { store, view } = engine
  const [chain, n] = [`${snapshotChain}${key}`, 0]
  if (revision < view.erased.revision) return
  const row = { chain, n, format: rowFormat, position, state, revision } as const
  await store.run([{ op: 'put', store: 'state', row }], { write: true })
  await engine.catchUp()
  if (revision < view.erased.revision)
    await store.run([{ op: 'delete', store: 'state', from: [chain, n], to: [chain, n] }], { write: true })
}
