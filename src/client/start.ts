import { TidelogError } from '../core/errors.ts'
import type { Cell } from '../core/observable.ts'
import type { Said, StorageStatus } from '../protocol/worker.ts'
import type { Opened, Session } from './connection.ts'

/** Starts workers on one and the same database, and tells how its storage is. */
export function startOn(
  start: (hear: (said: Said) => void) => Promise<Session>,
  storage: Cell<StorageStatus>,
  onOpened: (opened: Opened) => void,
): () => Promise<Session> {
  let database: string | undefined
  const take = (opened: Opened): void => {
    if (opened.storage.durable) database = opened.database
    storage.set(opened.storage)
    onOpened(opened)
  }
  const begin = async (): Promise<Session> => {
    const session = await start((said) => ('opened' in said ? take(said.opened) : storage.set(said.storage)))
    const { opened } = session
    if (database !== undefined && database !== opened.database) {
      // Deleted while no worker was alive to see it.
      session.end()
      throw new TidelogError('tidelog/storage-lost', 'the database was replaced')
    }
    take(opened)
    return session
  }
  return () =>
    begin().catch((error: unknown) => {
      storage.set({ state: 'lost', durable: false, problem: `${error}` })
      throw error
    })
}
