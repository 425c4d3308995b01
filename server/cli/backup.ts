import { createWriteStream, existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { messageOf } from '../../src/core/errors.ts'
import type { Seen } from '../../src/protocol/sync.ts'
import { nothing } from '../sequence.ts'
import type { LogStore } from '../store.ts'
import { isStoreError } from '../store-error.ts'
import { backupLines, canBeRestored } from './backup-file.ts'
import { explain } from './explain.ts'
import { fail } from './failure.ts'
import { nameOfLog } from './log-name.ts'
import type { ServeContext } from './serve.ts'
import { openStore } from './stores.ts'

const pageLimits = { commitsMax: 2_000, bytesMax: 2_000_000 }

/** `tidelog backup` */
export async function runBackup({ values, logger, stopping }: ServeContext): Promise<void> {
  const url = values.mustHave('store')
  const to = values.mustHave('to')
  const log = nameOfLog(values)
  if (existsSync(to)) fail(`${to} is there already: choose another name`)
  const onError = (error: unknown): void => logger.debug('a connection broke', { error })
  const store = await openStore(url, { onError, mustExist: true }).catch((error: unknown) => explain(url, error))
  try {
    const head = await store.head(log).catch((error: unknown) => explain(url, error))
    if (head.position === 0)
      fail(`the log ${JSON.stringify(log)} is empty, or there is none: there is nothing to back up`)
    const startedAt = performance.now()
    const { commits } = await writeBackup(store, log, head, to, stopping.signal).catch((error: unknown) => {
      if (stopping.signal.aborted) return fail('stopped; there is no backup')
      return isStoreError(error) ? explain(url, error) : fail(`${to} can't be written: ${messageOf(error)}`, error)
    })
    const ms = Math.round(performance.now() - startedAt)
    logger.info('backed up', { log, file: to, commits, events: head.position, digest: head.digest, ms })
  } finally {
    await store.close()
  }
}

/**
 * Writes the log up to `head` to the file. It has another name until it is whole and on the disk, so that what a crash leaves is
 * not taken for a backup.
 */
export async function writeBackup(
  store: LogStore,
  log: string,
  head: Seen,
  to: string,
  signal: AbortSignal,
): Promise<{ readonly commits: number }> {
  const partial = `${to}.partial-${process.pid}`
  const counted = { commits: 0 }
  try {
    // All of the data of a log: for whoever may read the store, and nobody else.
    const file = createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true })
    await pipeline(Readable.from(textOf(store, log, head, counted)), createGzip(), file, { signal })
    await rename(partial, to)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
  // The name is on the disk when its folder is.
  const folder = await open(dirname(resolve(to)))
  await folder.sync().finally(() => folder.close())
  return counted
}

/** What others append meanwhile lies behind `head`, and is left out. */
async function* textOf(store: LogStore, log: string, head: Seen, counted: { commits: number }): AsyncGenerator<string> {
  const lines = backupLines()
  yield lines.header(log)
  let seen = nothing
  while (seen.position < head.position) {
    const { commits } = await store.range(log, seen.position, pageLimits)
    const inside = commits.filter(({ last }) => last <= head.position)
    if (inside.length === 0) fail(`the log has become shorter: it ends at ${seen.position}`)
    let page = ''
    for (const commit of inside) {
      if (!canBeRestored(commit, seen)) fail(`the log is damaged behind position ${seen.position}: there is no backup`)
      seen = { position: commit.last, digest: commit.digest }
      page += lines.commit(commit)
    }
    counted.commits += inside.length
    yield page
  }
  if (seen.digest !== head.digest) fail('the log is another one than it was at the beginning: there is no backup')
  yield lines.end(seen)
}
