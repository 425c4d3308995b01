import { type Commit, isCommit } from '../src/core/commit.ts'
import { bug } from '../src/core/errors.ts'
import type { SequencedCommit } from './store.ts'

/** Reads the text of a stored commit. */
export function readStored({ text, first }: SequencedCommit): Commit {
  const parsed: unknown = JSON.parse(text)
  return isCommit(parsed) ? parsed : bug(`the stored commit at ${first} can't be read`)
}
