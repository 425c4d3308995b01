// Writers that append random facts under random conditions, and remember what each condition rested on.

import { seededRandom } from 'tidelog/testing'
import { type Condition, isLookedAt } from './boundary-oracle.ts'
import { events, type NotesLog } from './notes.ts'

export type Random = ReturnType<typeof seededRandom>
const below = (random: Random, count: number): number => Math.floor(random.fraction() * count)
const one = <T>(random: Random, list: readonly [T, ...T[]]): T => list[below(random, list.length)] ?? list[0]
const perhaps = (random: Random, chance: number): boolean => random.fraction() < chance

/** The same list in another order. */
export function shuffled<T>(random: Random, list: readonly T[]): readonly T[] {
  const rest = [...list]
  return list.map(() => rest.splice(below(random, rest.length), 1)[0] as T)
}

const streams = ['p', 'q', 'r', 's', 't', 'u', 'v'] as const
const topics = ['x', 'y', 'z', 'w'] as const
const authors = ['ann', 'bob', 'eve'] as const
const types = ['NoteTaken', 'NoteErased', 'Measured'] as const

const someTags = (random: Random) => ({
  ...(perhaps(random, 0.8) && { topic: one(random, topics) }),
  ...(perhaps(random, 0.7) && { author: one(random, authors) }),
})
function someFact(random: Random, text: string) {
  const type = one(random, types)
  if (type === 'Measured') return events.Measured({ sensor: one(random, topics), value: below(random, 9) })
  return events[type]({ text, ...someTags(random) })
}
function someItem(random: Random) {
  if (perhaps(random, 0.15)) return { tags: { sensor: one(random, topics) } }
  const tags = someTags(random)
  return perhaps(random, 0.5) ? { types: [one(random, types)], tags } : { tags }
}
const someQuery = (random: Random) => (perhaps(random, 0.7) ? [someItem(random)] : [someItem(random), someItem(random)])

/** An append that was tried, and what came of it. */
export interface Tried {
  readonly by: NotesLog
  readonly commitId: string
  readonly stream: string
  readonly facts: readonly { readonly type: string; readonly data: unknown }[]
  readonly condition: Condition
  readonly outcome: Awaited<ReturnType<NotesLog['append']>> | { readonly ok: false; readonly reason: Reason }
}
type Reason =
  | { readonly type: 'VersionConflict'; readonly stream: string; readonly actual: number }
  | { readonly type: 'ConditionConflict'; readonly events: readonly Seen[] }
type Seen = Awaited<ReturnType<ReturnType<NotesLog['read']>['all']>>['events'][number]

/** A condition, and how it is asked for. */
type Asked = (log: NotesLog, stream: string, facts: Facts, commitId: string) => Promise<Tried['outcome']>
type Facts = readonly ReturnType<typeof someFact>[]
interface Rested {
  readonly condition: Condition
  readonly ask: Asked
}

const ids = (all: readonly { readonly id: string }[]): readonly string[] => all.map(({ id }) => id)

/** Reads something, and makes a condition of what was found. */
async function lookAt(log: NotesLog, random: Random, stream: string): Promise<Rested> {
  const kind = below(random, 8)
  if (kind === 0)
    return {
      condition: { kind: 'none' },
      ask: (to, where, facts, commitId) => to.append(where, facts, { commitId }),
    }
  if (kind === 1)
    return {
      condition: { kind: 'version', stream, expected: 'exists' },
      ask: (to, where, facts, commitId) => to.append(where, facts, { commitId, expectedVersion: 'exists' }),
    }
  if (kind === 2) {
    const { version } = await log.streamHead(stream)
    return {
      condition: { kind: 'version', stream, expected: version },
      ask: (to, where, facts, commitId) => to.append(where, facts, { commitId, expectedVersion: version }),
    }
  }
  if (kind === 3) {
    const { events: seen, head: after } = await log.read({ stream }).all()
    const expectedVersion = seen.length
    return {
      condition: { kind: 'unchanged', stream, seen: ids(seen) },
      ask: (to, where, facts, commitId) => to.append(where, facts, { commitId, expectedVersion, after }),
    }
  }
  const query = someQuery(random)
  if (kind === 4)
    return {
      condition: { kind: 'query', items: query, seen: new Set() },
      ask: (to, where, facts, commitId) => to.append(where, facts, { commitId, failIfEventsMatch: query }),
    }
  // What was read may be more than the condition looks at.
  const { events: seen, head: after } = await (kind === 5 ? log.read() : log.read({ query })).all()
  return {
    condition: {
      kind: 'query',
      items: query,
      seen: new Set(ids(seen.filter((event) => isLookedAt(query, event)))),
      head: after.confirmed,
    },
    ask: (to, where, facts, commitId) => to.append(where, facts, { commitId, failIfEventsMatch: query, after }),
  }
}

interface Writer {
  readonly log: NotesLog
  readonly name: string
  readonly random: Random
  readonly turns: number
}
/** Writes so many times, one after the other; now and then under a condition that it has kept for a while. */
async function write({ log, name, random, turns }: Writer): Promise<readonly Tried[]> {
  const tried: Tried[] = []
  const kept: { readonly stream: string; readonly rested: Rested }[] = []
  for (let turn = 0; turn < turns; turn++) {
    const stream = one(random, streams)
    const now = { stream, rested: await lookAt(log, random, stream) }
    if (perhaps(random, 0.3)) kept.push(now)
    const isOld = kept.length > 0 && perhaps(random, 0.25)
    const { stream: to, rested } = (isOld ? kept.shift() : undefined) ?? now
    const commitId = `${name}.${turn}`
    const facts = Array.from({ length: 1 + below(random, 2) }, (_, nth) => someFact(random, `${commitId}.${nth}`))
    const outcome = await rested.ask(log, to, facts, commitId)
    tried.push({ by: log, commitId, stream: to, facts, condition: rested.condition, outcome })
  }
  return tried
}

export interface Round {
  readonly tabs: readonly NotesLog[]
  readonly seed: number
  readonly name?: string
  readonly turns: number
}
/** Twenty writers at once, spread over the tabs. */
export async function writeAll({ tabs, seed, name = '', turns }: Round): Promise<readonly Tried[]> {
  const writers = Array.from({ length: 20 }, (_, nth) => {
    const log = tabs[nth % tabs.length]
    if (log === undefined) throw new Error('a tab is wanted')
    return write({ log, name: `${name}${nth}`, random: seededRandom(seed * 100 + nth), turns })
  })
  return (await Promise.all(writers)).flat()
}
export const acceptedOf = (tried: readonly Tried[]): readonly Tried[] => tried.filter(({ outcome }) => outcome.ok)
export const idsOf = (all: readonly { readonly commitId: string }[]): readonly string[] =>
  [...new Set(all.map(({ commitId }) => commitId))].sort()
