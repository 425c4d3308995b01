import { deleteDB } from 'idb'
import type { Clock } from '../core/ports.ts'

/** Tabs that have it open are told to close it; one that is frozen does not hear. */
const answerMsMax = 5_000

/** Deletes a database; false when a tab holds it that does not answer: it is deleted as soon as that tab lets it go. */
export function deleteIdbStore(name: string, clock: Clock): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const callOff = clock.after(answerMsMax, () => resolve(false))
    deleteDB(name)
      .then(() => resolve(true), reject)
      .finally(callOff)
  })
}
