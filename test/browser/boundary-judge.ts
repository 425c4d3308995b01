// Holds what writers were told against the log that came of it.

import { expect } from 'vitest'
import { type Condition, type Happened, holds, isLookedAt } from './boundary-oracle.ts'
import type { Tried } from './boundary-writer.ts'

export interface Placed extends Happened {
  readonly position: number | undefined
  readonly version: number
}

/** Positions without a gap, versions that count each stream, and every commit in one piece with what was asked for. */
export function mustBeWhole(log: readonly Placed[], tried: readonly Tried[]): void {
  expect(log.map(({ position }) => position)).toEqual(log.map((_, at) => at + 1))
  const counts = new Map<string, number>()
  const commits = new Map<string, Placed[]>()
  for (const [at, event] of log.entries()) {
    counts.set(event.stream, (counts.get(event.stream) ?? 0) + 1)
    expect(event.version).toBe(counts.get(event.stream))
    const isNext = log[at - 1]?.commitId === event.commitId
    expect([event.commitId, isNext]).toEqual([event.commitId, commits.has(event.commitId)])
    commits.set(event.commitId, [...(commits.get(event.commitId) ?? []), event])
  }
  for (const { commitId, facts } of tried) {
    const found = commits.get(commitId)
    if (found !== undefined) expect(found.map(({ type, data }) => ({ type, data }))).toEqual(facts)
  }
}

const toList = (_key: string, value: unknown): unknown => (value instanceof Set ? [...value] : value)

/** Every condition of a commit that is in the log holds of what stands before it. */
export function mustHold(log: readonly Placed[], tried: readonly Tried[]): void {
  const firsts = new Map([...log.entries()].reverse().map(([at, { commitId }]) => [commitId, at]))
  for (const { commitId, condition } of tried) {
    const at = firsts.get(commitId)
    const wrong = at !== undefined && !holds(condition, log.slice(0, at))
    if (wrong) expect.fail(`${commitId} at ${at + 1} although ${JSON.stringify(condition, toList)}`)
  }
}

/** Whether a condition forbids any of the facts of a commit. */
export const isAbout = (condition: Condition, { stream, facts }: Pick<Tried, 'stream' | 'facts'>): boolean =>
  condition.kind === 'query'
    ? facts.some((fact) => isLookedAt(condition.items, fact))
    : condition.kind !== 'none' && condition.stream === stream

/** What a refusal names is what the condition forbids, and the writer had not seen it. */
export function mustBeToBlame(condition: Condition, events: readonly Happened[]): void {
  const stands = (event: Happened): boolean => {
    if (condition.kind === 'query') return isLookedAt(condition.items, event) && !condition.seen.has(event.id)
    return condition.kind !== 'none' && event.stream === condition.stream
  }
  const innocent = events.filter((event) => !stands(event))
  expect({ condition, innocent }).toEqual({ condition, innocent: [] })
}

/** Every refusal says why, and it is so. */
export function mustSayWhy(tried: readonly Tried[]): void {
  for (const { condition, outcome } of tried) {
    if (outcome.ok) continue
    const { reason } = outcome
    if (condition.kind === 'query' && reason.type === 'ConditionConflict') mustBeToBlame(condition, reason.events)
    else if (condition.kind === 'version' && reason.type === 'VersionConflict') {
      const { expected } = condition
      expect(expected === 'exists' ? reason.actual === 0 : reason.actual !== expected).toBe(true)
    } else expect([condition.kind, reason.type]).toEqual(['unchanged', 'VersionConflict'])
  }
}

const kinds = ['query', 'version', 'unchanged'].flatMap((kind) => [`${kind} kept`, `${kind} refused`])
const whileOthersWrote = 'query kept while others wrote'

/** What proves nothing when it did not happen: each kind of condition was kept, refused, and kept while others wrote. */
export function mustHaveMet(log: readonly Placed[], tried: readonly Tried[]): void {
  const met = new Set(tried.map(({ condition, outcome }) => `${condition.kind} ${outcome.ok ? 'kept' : 'refused'}`))
  for (const { commitId, condition } of tried) {
    if (condition.kind !== 'query' || condition.head === undefined) continue
    const at = log.findIndex((event) => event.commitId === commitId)
    if (at > condition.head) met.add(whileOthersWrote)
  }
  expect([...kinds, whileOthersWrote].filter((kind) => !met.has(kind))).toEqual([])
}
