import { isTidelogError, TidelogError, type TidelogErrorCode } from '../core/errors.ts'
import type { AppendRefused, Outcome } from '../core/outcome.ts'
import type { RejectReason } from './types.ts'

/** What a try to append a batch says of it. */
export type Verdict =
  | { readonly type: 'taken' }
  /** One of its events, or their sum, will never be taken. */
  | { readonly type: 'poison'; readonly reason: RejectReason }
  | {
      readonly type: 'refused'
      /** The batch may have been taken nevertheless. */
      readonly isUnknown: boolean
      readonly reason: { readonly type: string; readonly message: string }
      readonly error: TidelogError
    }
  | { readonly type: 'lost'; readonly error: TidelogError }

const isOfStorage = ({ type }: AppendRefused): boolean =>
  type === 'StorageFull' || type === 'StorageUnavailable' || type === 'UpdateNeeded'

/** Sorts what comes of an append. `mayBeThere`: it was tried before, and nobody knows how that ended. */
export async function judge(
  append: () => Promise<Outcome<unknown, AppendRefused>>,
  mayBeThere: boolean,
): Promise<Verdict> {
  try {
    const outcome = await append()
    if (outcome.ok) return { type: 'taken' }
    const { reason } = outcome
    // Nobody else has the id. A schema that fills in random defaults makes other content of the same events.
    if (mayBeThere && reason.type === 'IdTaken') return { type: 'taken' }
    if (!isOfStorage(reason)) return { type: 'poison', reason }
    const error = new TidelogError('tidelog/storage-lost', reason.message, { cause: reason })
    return { type: 'refused', isUnknown: false, reason, error }
  } catch (error) {
    if (isTidelogError(error, 'tidelog/log-closed')) return { type: 'lost', error }
    const reason = failureOf(error)
    if (isTidelogError(error, 'tidelog/storage-lost') || isTidelogError(error, 'tidelog/worker-lost'))
      return { type: 'refused', isUnknown: true, reason, error }
    return { type: 'poison', reason }
  }
}

/** An error as data; never throws, whatever was thrown. */
export function failureOf(error: unknown): { readonly type: TidelogErrorCode | 'Error'; readonly message: string } {
  try {
    if (isTidelogError(error)) return { type: error.name as TidelogErrorCode, message: error.message }
    return { type: 'Error', message: String(error) }
  } catch {
    return { type: 'Error', message: 'an error that says nothing' }
  }
}
