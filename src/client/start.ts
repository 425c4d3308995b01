import { isTidelogError, TidelogError } from '../core/errors.ts'
import type { Cell } from '../core/observable.ts'
import type { Said, StorageStatus } from '../protocol/worker.ts'
import type { Opened, Session } from './connection.ts'

/** Starts workers on one and the same database, and tells how its storage is. */
export function startOn(
  start: (hear: (said: Said) => void) => Promise<Session>,
  storage: Cell<StorageStatus>,
  onOpened: (opened: Opened) => void,
): () => Promise<Session> {
  let rested: Opened | undefined
  const take = (opened: Opened): void => {
    if (opened.storage.durable) rested = opened
    storage.set(opened.storage)
    onOpened(opened)
  }
  const begin = async (): Promise<Session> => {
    const session = await start((said) => ('opened' in said ? take(said.opened) : storage.set(said.storage)))
    const { opened } = session
    if (rested !== undefined && rested.database !== opened.database) {
      session.end()
      // While no worker was alive to see it.
      const hasMoved = rested.name !== opened.name
      throw new TidelogError(hasMoved ? 'tidelog/log-moved' : 'tidelog/storage-lost', 'the database was replaced')
    }
    take(opened)
    return session
  }
  return () =>
    begin().catch((error: unknown) => {
      const state = isTidelogError(error, 'tidelog/log-moved') ? 'moved' : 'lost'
      storage.set({ state, durable: false, problem: `${error}` })
      throw error
    })
}
