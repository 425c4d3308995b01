import { type FileHandle, open } from 'node:fs/promises'
import { messageOf } from '../../src/core/errors.ts'
import type { Seen } from '../../src/protocol/sync.ts'
import type { LogStore, SequencedCommit } from '../store.ts'
import { isStoreError } from '../store-error.ts'
import { type BackupEnd, readBackup } from './backup-file.ts'
import { explain } from './explain.ts'
import { fail } from './failure.ts'
import { nameOfLog } from './log-name.ts'
import type { ServeContext } from './serve.ts'
import { openStore } from './stores.ts'

/** What is appended at once. */
const runLimits = { commits: 500, characters: 1_000_000 }

/** `tidelog restore` */
export async function runRestore({ values, logger, stopping }: ServeContext): Promise<void> {
  const url = values.mustHave('store')
  const from = values.mustHave('from')
  const log = nameOfLog(values)
  const isResumed = values.flag('resume')
  const file = await open(from).catch((error: unknown) => fail(`${from} can't be read: ${messageOf(error)}`, error))
  try {
    // All of it before the store is opened, which makes a file where there is none.
    const { log: name, time, end, commits } = await checkBackup(file, from)
    logger.info('checked', { file: from, log: name, time, commits, events: end.position, digest: end.digest })
    const onError = (error: unknown): void => logger.debug('a connection broke', { error })
    const store = await openStore(url, { onError }).catch((error: unknown) => explain(url, error))
    try {
      const restored = await restoreBackup({ store, log, file, from, isResumed, signal: stopping.signal }).catch(
        (error: unknown) => (isStoreError(error) ? explain(url, withHint(error)) : Promise.reject(error)),
      )
      logger.info('restored', { log, commits: restored.commits, events: end.position, digest: end.digest })
    } finally {
      await store.close()
    }
  } finally {
    await file.close()
  }
}

const withHint = (error: Error): Error => {
  error.message += ' (--resume goes on with what was begun)'
  return error
}

/** Reads all of a backup; throws when it is not as it was written. */
export async function checkBackup(file: FileHandle, path: string): Promise<BackupEnd> {
  const reading = readBackup(file, path)
  for (;;) {
    const { done, value } = await reading.next()
    if (done === true) return value
  }
}

export interface RestoreOptions {
  readonly store: LogStore
  readonly log: string
  readonly file: FileHandle
  readonly from: string
  readonly isResumed: boolean
  readonly signal: AbortSignal
}

/** Appends what a backup that was checked holds; the log must be empty, or hold a beginning of it and be resumed. */
export async function restoreBackup(options: RestoreOptions): Promise<{ readonly commits: number }> {
  const { store, log, file, from } = options
  const head = await store.head(log)
  if (head.position > 0) await mustBeBeginning(head, options)
  let run: SequencedCommit[] = []
  let characters = 0
  let commits = 0
  const flush = async (): Promise<void> => {
    await appendAll(options, run)
    commits += run.length
    run = []
    characters = 0
  }
  // Read once more: a whole log need not fit into memory.
  const reading = readBackup(file, from)
  let end: Seen | undefined
  while (end === undefined) {
    const next = await reading.next()
    if (next.done === true) {
      end = next.value.end
      continue
    }
    if (next.value.last <= head.position) continue
    run.push(next.value)
    characters += next.value.text.length
    if (run.length >= runLimits.commits || characters >= runLimits.characters) await flush()
  }
  await flush()
  const now = await store.head(log)
  if (now.position !== end.position || now.digest !== end.digest)
    fail(`the log ends at ${now.position} and not at ${end.position}: somebody else writes to it. Stop the endpoint`)
  return { commits }
}

async function mustBeBeginning({ position, digest }: Seen, options: RestoreOptions): Promise<void> {
  const { log, file, from, isResumed } = options
  const name = JSON.stringify(log)
  if (!isResumed)
    fail(
      `the log ${name} is not empty, it ends at ${position}: a restore writes into an empty log only, or with --resume ` +
        'goes on with one that was broken off',
    )
  for await (const commit of readBackup(file, from))
    if (commit.last >= position) {
      if (commit.last === position && commit.digest === digest) return
      break
    }
  fail(`the log ${name} is not a beginning of what is in ${from}: there is nothing to resume`)
}

/** Appends behind what is there; a store may take a part at a time. */
async function appendAll({ store, log, signal }: RestoreOptions, run: readonly SequencedCommit[]): Promise<void> {
  for (let rest = run; rest.length > 0; ) {
    if (signal.aborted) fail('stopped half way: --resume goes on')
    const expected = (rest[0]?.first ?? 1) - 1
    const { taken, head } = await store.append(log, expected, rest)
    if (taken === 0)
      fail(`the log ends at ${head} and not at ${expected}: somebody else writes to it. Stop the endpoint`)
    rest = rest.slice(taken)
  }
}
