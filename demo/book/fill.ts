import type { BookLog, Line } from './model.ts'
import { createPace } from './pace.ts'
import { PageRefused } from './page-refused.ts'
import { bookEvents, commitIdOf, linesOf, pageCount, pageEvents } from './pages.ts'
import { filledToWords } from './words.ts'
import type { Task, Work } from './work.ts'

/** The pages that are not in the book. */
export async function missingPages(log: BookLog): Promise<readonly number[]> {
  const { events } = await log.read({ query: { types: ['PageSigned'] } }).all()
  const present = new Set(events.map(({ data }) => data.page))
  return Array.from({ length: pageCount }, (_, page) => page).filter((page) => !present.has(page))
}

/** Writes pages into the book, each a commit under its own id: what a reload breaks off goes on with those that are missing. */
export const fillTask = (log: BookLog, pages: readonly number[]): Task<void> => ({
  title: 'Writing pages',
  start: (signal) => writePages(log, pages, signal),
  toWords: (_, ms) => filledToWords(pages.length * pageEvents, ms),
})

function writePages(log: BookLog, pages: readonly number[], signal: AbortSignal): Work<void> {
  let done = bookEvents - pages.length * pageEvents
  const progress = createPace(bookEvents, done)
  const run = async (): Promise<void> => {
    let lines = await makeLines(pages[0])
    for (const [at, page] of pages.entries()) {
      signal.throwIfAborted()
      // The next page is made while the worker writes this one.
      const writing = log.append(lines, { commitId: commitIdOf(page) })
      const [outcome, next] = await Promise.all([writing, makeLines(pages[at + 1])])
      if (!outcome.ok) throw new PageRefused(outcome.reason)
      lines = next
      done += pageEvents
      progress.reach(done)
    }
  }
  return { progress, finished: run() }
}

/** In a task of its own: to make a page and to send one are each too short to be felt. */
const makeLines = (page: number | undefined): Promise<readonly Line[]> =>
  new Promise((resolve) => setTimeout(() => resolve(page === undefined ? [] : linesOf(page))))
