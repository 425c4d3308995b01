// What the server holds: as it answers, and as its file says past the server. Both throw where the chain is broken.
import Database from 'libsql'
import type { Commit } from '../../src/core/commit.ts'
import { nextDigest } from '../../src/core/digest.ts'
import { isPullAnswer, protocolHeader, type Seen, syncProtocol } from '../../src/protocol/sync.ts'
import { logName, nothing } from './harbour.ts'
import type { Entry, Part } from './tally.ts'

/** A stretch of the log that follows what somebody had seen. */
export interface Stretch {
  readonly commits: readonly Commit[]
  readonly through: Seen
}

/** The place after a commit, computed here. */
const after = ({ position, digest }: Seen, { id, contentId, events }: Commit): Seen => ({
  position: position + events.length,
  digest: nextDigest(digest, id, contentId),
})

const mustBe = (what: string, said: Seen, computed: Seen): void => {
  if (said.position !== computed.position || said.digest !== computed.digest)
    throw new Error(`${what} is ${JSON.stringify(said)}, and by its commits ${JSON.stringify(computed)}`)
}

/** Pulls to the head. */
export async function pull(url: string, from: Seen = nothing, log: string = logName): Promise<Stretch> {
  const commits: Commit[] = []
  for (let through = from; ; ) {
    const query = `position=${through.position}&digest=${through.digest}`
    const response = await fetch(`${url}/sync/${log}/pull?${query}`, {
      headers: { [protocolHeader]: String(syncProtocol) },
    })
    const page: unknown = await response.json()
    if (!isPullAnswer(page) || page.status !== 'page')
      throw new Error(`a pull after ${through.position} was answered ${JSON.stringify(page).slice(0, 200)}`)
    mustBe('the start of a page', page.after, through)
    mustBe('the end of a page', page.through, page.commits.reduce(after, through))
    through = page.through
    commits.push(...page.commits)
    if (through.position >= page.head) return { commits, through }
  }
}

/** Reads the file itself. */
export function readStored(file: string): Stretch {
  const db = new Database(file)
  try {
    const sound: unknown = db.prepare('PRAGMA integrity_check').raw().get()
    if (!Array.isArray(sound) || sound[0] !== 'ok') throw new Error(`SQLite says of its file: ${sound}`)
    let through = nothing
    const rows = db
      .prepare('SELECT first, last, digest, id, contentId, text FROM commits WHERE log = ? ORDER BY last')
      .raw()
      .all(logName)
    const commits = rows.map((row) => {
      const [first, last, digest, id, contentId, text] = Array.isArray(row) ? row.map(String) : []
      const commit: Commit = JSON.parse(text ?? '')
      const next = after(through, commit)
      mustBe(`the row of ${id}`, { position: Number(last), digest: digest ?? '' }, next)
      if (Number(first) !== through.position + 1 || id !== commit.id || contentId !== commit.contentId)
        throw new Error(`the row of ${id} at ${first} holds ${commit.id}`)
      through = next
      return commit
    })
    return { commits, through }
  } finally {
    db.close()
  }
}

/** The events of a whole log. */
export function entriesOf(commits: readonly Commit[]): readonly Entry[] {
  const versions = new Map<string, number>()
  let position = 0
  return commits.flatMap(({ events }) =>
    events.map(({ stream, data }) => {
      const { commit, part, parts, size, pad } = data as Part
      const version = (versions.get(stream) ?? 0) + 1
      versions.set(stream, version)
      position++
      return { commit, part, parts, isIntact: pad.length === size, stream, version, position }
    }),
  )
}
