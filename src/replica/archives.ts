import { type AnyLog, insideOf } from '../client/inside.ts'
import { mustBe } from '../core/errors.ts'
import type { ArchiveData } from '../protocol/worker.ts'

/** What a log was before it was adopted: nothing writes to it any more. Open it with `openLog(model, { archive: database })`. */
export type Archive = ArchiveData

/** The archives of a log on this device, oldest first. */
export const listArchives = (log: AnyLog): Promise<readonly Archive[]> =>
  insideOf(log).call((api) => api.listArchives())

/** Removes the content of an archive for good; false while a tab reads it. */
export function dropArchive(log: AnyLog, { database }: Pick<Archive, 'database'>): Promise<boolean> {
  mustBe(typeof database === 'string', 'an archive', database)
  return insideOf(log).call((api) => api.dropArchive(database))
}
