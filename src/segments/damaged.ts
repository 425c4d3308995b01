import { TidelogError } from '../core/errors.ts'

/** For what this code has not written so: a checksum was right, and what it is of is not. */
export const damaged = (cause?: unknown): TidelogError =>
  new TidelogError('tidelog/storage-lost', 'a segment is damaged', { cause })

/** Parses a piece of a segment. */
export function parsePiece(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw damaged(error)
  }
}
