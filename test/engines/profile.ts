// The folder in which an engine keeps what its pages store.
import { closeSync, openSync, readdirSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

export const profileOf = (engine: string): string => `.build/engines/${engine}`

/** Each run begins with an empty one; it stays afterwards, so that it can be looked into. */
export default function emptyProfile(project: TestProject): void {
  rmSync(profileOf(project.getProvidedContext().engine), { recursive: true, force: true, maxRetries: 5 })
}

const isSqlite = (path: string): boolean => {
  const begin = new Uint8Array(15)
  try {
    const file = openSync(path, 'r')
    readSync(file, begin, 0, begin.length, 0)
    closeSync(file)
  } catch {
    // The browser goes on using it: what was listed may be gone.
  }
  return String.fromCharCode(...begin) === 'SQLite format 3'
}

/** What kinds of files hold IndexedDB in a profile, by what is in them. */
export const storageIn = (profile: string): string[] => {
  const kinds = readdirSync(profile, { recursive: true, encoding: 'utf8' })
    .filter((path) => /indexeddb|[/\\]idb[/\\]/i.test(path))
    .flatMap((path) => {
      if (/\.leveldb[/\\]CURRENT$/.test(path)) return ['leveldb']
      return isSqlite(join(profile, path)) ? ['sqlite'] : []
    })
  return [...new Set(kinds)]
}
