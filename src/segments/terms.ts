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

/** The bucket of a term, from 0: the upper bits, as lines are found inside a bucket by the lower ones. */
export const bucketOf = (term: Term): number => hashOfUnits(term) >>> 25

/** 32 bits for a piece of a text (FNV-1a), whose upper half goes into the lower one. */
export function hashOfUnits(text: string, from = 0, to: number = text.length): number {
  let hash = 0x811c9dc5
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash ^ (hash >>> 15)
}
