import { createHash } from 'node:crypto'
import { isCount } from '../src/core/guard.ts'
import { createWatchers } from './watchers.ts'

/** Of fixed length, and nothing that whoever hears a notice could read. */
export const noticeKey = (name: string): string => createHash('sha256').update(name).digest('base64url')

interface Watched {
  readonly log: string
  listenersCount: number
  /** What was told last, so that a notice that comes twice or late is told once. */
  told: number
}

/** Who watches which log, and what they were told. */
export interface Heads {
  readonly watch: (log: string, listener: (head: number) => void) => () => void
  readonly logs: () => readonly string[]
  /** Tells who watches the log, unless that was told before. */
  readonly hear: (key: string, head: number) => void
  /** What was told last, of each log. */
  readonly told: () => ReadonlyMap<string, number>
  /**
   * Tells what the log itself says. What a notice said may be wrong, for anybody who uses the servers can send one: what was
   * `told` before the log was asked, and is ahead of it, is.
   */
  readonly correct: (key: string, head: number, told: number | undefined) => void
  /** Nobody knows what was said meanwhile; and after a restore a log may be shorter than it was. */
  readonly forget: () => void
}

/** `onChange` hears whether anybody watches at all. */
export function createHeads(onChange: (isWatched: boolean) => void): Heads {
  const byKey = new Map<string, Watched>()
  const watchers = createWatchers(onChange)
  const hear = (key: string, head: number): void => {
    const watched = byKey.get(key)
    if (watched === undefined || !isCount(head) || head <= watched.told) return
    watched.told = head
    watchers.notify(watched.log, head)
  }
  return {
    hear,
    told: () => new Map([...byKey].map(([key, { told }]) => [key, told])),
    correct(key, head, told = 0) {
      const watched = byKey.get(key)
      if (watched !== undefined && watched.told === told && told > head) watched.told = 0
      hear(key, head)
    },
    forget: () => {
      for (const watched of byKey.values()) watched.told = 0
    },
    logs: () => [...byKey.values()].map(({ log }) => log),
    watch(log, heard) {
      const key = noticeKey(log)
      const watched = byKey.get(key) ?? { log, listenersCount: 0, told: 0 }
      byKey.set(key, watched)
      watched.listenersCount++
      const stop = watchers.add(log, heard)
      let isWatching = true
      return () => {
        if (!isWatching) return
        isWatching = false
        watched.listenersCount--
        if (watched.listenersCount === 0) byKey.delete(key)
        stop()
      }
    },
  }
}
