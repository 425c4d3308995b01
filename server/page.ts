import { type Diverged, type LiveHead, type PullFirst, type Seen, syncProtocol } from '../src/protocol/sync.ts'
import type { LogStore, RangeLimits } from './store.ts'

/** A pull page as JSON text, joined from the stored texts. */
export interface Page {
  readonly text: string
  readonly through: Seen
  readonly head: number
}

export async function readPage(store: LogStore, log: string, after: Seen, limits: RangeLimits): Promise<Page> {
  const { commits, head } = await store.range(log, after.position, limits)
  const last = commits.at(-1)
  const through = last === undefined ? after : { position: last.last, digest: last.digest }
  const start = `{"protocol":${syncProtocol},"status":"page","after":${JSON.stringify(after)},"commits":[`
  const end = `],"through":${JSON.stringify(through)},"head":${head}}`
  return { text: start + commits.map(({ text }) => text).join(',') + end, through, head }
}

/** Whether the log of the store is the one that the device has seen. */
export const follows = async (store: LogStore, log: string, seen: Seen): Promise<boolean> =>
  (await store.digestAt(log, seen.position)) === seen.digest

export const divergedText = (head: number): string =>
  JSON.stringify({ protocol: syncProtocol, status: 'diverged', head } satisfies Diverged)
export const pullFirstText = (head: number): string =>
  JSON.stringify({ protocol: syncProtocol, status: 'pull-first', head } satisfies PullFirst)
export const liveHeadText = (head: number): string =>
  JSON.stringify({ protocol: syncProtocol, head } satisfies LiveHead)
