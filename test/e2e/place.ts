// An event's place in the log, as a page shows it and as the server holds it: everywhere the same, or sync is broken.
import { join } from 'node:path'
import Database from 'libsql'
import type { Page } from 'playwright'

export interface Place {
  readonly id: string
  readonly type: string
  readonly stream: string
  readonly version: number
  /** Absent while pending. */
  readonly position: number | undefined
}

/** What the page's log pane says, oldest first. */
export async function shownLog(page: Page): Promise<readonly Place[]> {
  const rows = await page
    .getByTestId('log-row')
    .evaluateAll((elements) => elements.map((element) => ({ ...(element as HTMLElement).dataset })))
  return rows.reverse().map(({ id = '', type = '', stream = '', version, position }) => {
    return { id, type, stream, version: Number(version), position: position ? Number(position) : undefined }
  })
}

interface CommitText {
  readonly contentId: string
  readonly events: readonly { readonly type: string; readonly stream: string }[]
}

/** What the server's SQLite file holds, read past the server and past the package's own code. */
export function storedLog(folder: string, log: string): readonly Place[] {
  const db = new Database(join(folder, 'log.db'))
  try {
    const rows = db.prepare('SELECT first, last, text FROM commits WHERE log = ? ORDER BY last').raw().all(log)
    const versions = new Map<string, number>()
    return rows.flatMap((row) => {
      const [first, last, text] = Array.isArray(row) ? row.map(String) : []
      const { contentId, events }: CommitText = JSON.parse(text ?? '')
      if (events.length !== Number(last) - Number(first) + 1)
        throw new Error(`commit ${contentId} does not fill ${first} to ${last}`)
      return events.map(({ type, stream }, index) => {
        const version = (versions.get(stream) ?? 0) + 1
        versions.set(stream, version)
        return { id: `${contentId}.${index}`, type, stream, version, position: Number(first) + index }
      })
    })
  } finally {
    db.close()
  }
}
