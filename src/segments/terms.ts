import { hashText } from '../core/digest.ts'

/** What a directory finds: the name of a stream, type or tag, or a hash of a commit id, marked with its kind. */
export type Term = string

/** Term of a name. Commit ids are hashed, so two of them may share a term; the others are exact. */
export const termOf = {
  stream: (name: string): Term => `s${name}`,
  type: (name: string): Term => `t${name}`,
  tag: (name: string): Term => `g${name}`,
  commit: (id: string): Term => `i${hashText(id).slice(0, 8)}`,
}

/** How many buckets terms spread over. Stored: this number and the way to a bucket never change. */
export const bucketCount = 128

/** The bucket of a term, from 0. */
export const bucketOf = (term: Term): number => Number.parseInt(hashText(term).slice(-2), 16) % bucketCount
