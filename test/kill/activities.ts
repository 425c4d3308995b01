// What is done while it is killed, and what its transactions and requests are known by.
import { packFile } from '../../src/segments/file.ts'
import { place, zipAtOnce } from '../../src/segments/segments.fixture.ts'
import { between, pick } from './chance.ts'
import { nothing, streams } from './harbour.ts'
import type { Part } from './tally.ts'

export interface Activity {
  readonly name: string
  /** What the page does. */
  readonly doing: 'append' | 'import' | 'pull' | 'rebuild' | 'adopt' | 'attach'
  /** Which transactions, or requests, a kill is laid in wait for. */
  readonly label: RegExp
  /** At most so many of them go by. */
  readonly nthMax: number
  /** Where it syncs, if at all. */
  readonly sync?: string
  /** Each round has another server log, and the one here has to go on with that. */
  readonly goesOn?: boolean
  /** Confirmed commits are packed soon. */
  readonly isPacking?: boolean
}

const ofGoingOn = /moved|state|pull|delete|request (pull|push|segments)/

/** `old`: a database of format 1, as an older version has left it, is opened and written to. */
export const activities: readonly Activity[] = [
  { name: 'append', doing: 'append', label: /append/, nthMax: 40 },
  { name: 'import', doing: 'import', label: /append/, nthMax: 4 },
  { name: 'compaction', doing: 'append', label: /seal/, nthMax: 2, isPacking: true },
  { name: 'old format', doing: 'append', label: /append|delete/, nthMax: 4, sync: 'elsewhere' },
  { name: 'pull', doing: 'pull', label: /pull|request (pull|live)/, nthMax: 3, sync: 'harbour' },
  { name: 'read model', doing: 'rebuild', label: /rows/, nthMax: 2 },
  { name: 'adopt', doing: 'adopt', label: ofGoingOn, nthMax: 6, sync: 'swapped', goesOn: true },
  { name: 'attach', doing: 'attach', label: ofGoingOn, nthMax: 6, sync: 'attached', goesOn: true },
]

/** Files to import, as the page takes them, and what is in them. */
export async function makeFiles(name: string): Promise<readonly { bytes: string; commits: readonly string[] }[]> {
  const files: { bytes: string; commits: readonly string[] }[] = []
  for (let nth = 0; nth < 3; nth++) {
    const commits = Array.from({ length: between(150, 400) }, (_, at) => {
      const commit = `${name}-${nth}-${at}`
      const parts = pick(1, 1, 2, 4)
      const events = Array.from({ length: parts }, (_, part) => {
        const size = pick(10, 100, 600)
        const data: Part & { stream: string } = {
          commit,
          part,
          parts,
          size,
          pad: '~'.repeat(size),
          stream: pick(...streams),
        }
        return { type: 'Berthed', stream: data.stream, data }
      })
      return { id: commit, contentId: `${commit}.x`, time: '2026-01-01T00:00:00.000Z', events }
    })
    const { first, last, parts, directory } = zipAtOnce(place(1, commits), () => 0)
    const bytes = await packFile({ first, last, digest: nothing.digest, directory: directory.buckets(), parts })
    files.push({ bytes: Buffer.from(bytes).toString('base64'), commits: commits.map(({ id }) => id) })
  }
  return files
}
