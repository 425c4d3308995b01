import { describe, expect, test } from 'vitest'
import type { Commit } from '../core/commit.ts'
import { defineEvents, definitionsOf, event, type } from '../core/event.ts'
import type { AppendAnswer, AppendText, WorkerApi } from '../protocol/worker.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { createWrites } from './appends.ts'
import type { Call } from './connection.ts'

const events = defineEvents({
  Noted: event(type<{ text: string; parts?: string[] }>(), { stream: () => 'notes' }),
})

/** A page's writes, and the messages that its worker gets; a worker that is lost has each call made again. */
function page({ isLost = false } = {}) {
  const messages: (readonly AppendText[])[] = []
  const api = {
    append: async (batch: readonly AppendText[]) => {
      messages.push([...batch])
      const head = { database: 'db', revision: messages.length, confirmed: 0 }
      return batch.map((_, nth): AppendAnswer => ({ ok: true, head, versions: [nth + 1], durable: true }))
    },
  } as Partial<WorkerApi> as WorkerApi
  const call: Call = async (use) => {
    await undefined
    if (isLost) await use(api)
    return use(api)
  }
  const ports = { clock: new VirtualClock(), random: seededRandom(1) }
  return { messages, ...createWrites(call, definitionsOf(events), [], ports, () => {}) }
}
const commitsOf = (batch: readonly AppendText[] = []): readonly Commit[] => batch.map(([commit]) => JSON.parse(commit))

describe('appends of one tick', () => {
  test('cross as one message, each with an id and an outcome of its own', async () => {
    const { append, messages } = page()
    const outcomes = await Promise.all(['a', 'b', 'c'].map((text) => append([events.Noted({ text })])))
    expect(messages).toHaveLength(1)
    const commits = commitsOf(messages[0])
    expect(commits.map((commit) => commit.events[0]?.data)).toEqual([{ text: 'a' }, { text: 'b' }, { text: 'c' }])
    expect(outcomes.map((one) => one.ok && one.receipt.commitId)).toEqual(commits.map(({ id }) => id))
    expect(new Set(commits.flatMap(({ id, contentId }) => [id, contentId])).size).toBe(6)
    expect(outcomes.map((one) => one.ok && one.receipt.versions)).toEqual([{ notes: 1 }, { notes: 2 }, { notes: 3 }])
  })

  test('cross without those that are refused in the page', async () => {
    const { append, messages } = page()
    const [wrong, misused, right] = await Promise.allSettled([
      append([events.Noted({ text: Number.NaN as never })]),
      append('a stream' as never),
      append([events.Noted({ text: 'right' })]),
    ])
    expect(wrong).toMatchObject({ value: { ok: false, reason: { type: 'Invalid' } } })
    expect(misused).toMatchObject({ reason: { code: 'tidelog/argument' } })
    expect(right).toMatchObject({ value: { ok: true } })
    expect(messages.map((batch) => batch.length)).toEqual([1])
  })

  test('are not waited for by those of a later tick', async () => {
    const { append, messages } = page()
    const first = append([events.Noted({ text: 'a' })])
    await first
    await append([events.Noted({ text: 'b' })])
    expect(messages.map((batch) => batch.length)).toEqual([1, 1])
  })

  test('are the same appends when the worker is lost and they are asked for again', async () => {
    const { append, messages } = page({ isLost: true })
    await Promise.all([append([events.Noted({ text: 'a' })]), append([events.Noted({ text: 'b' })])])
    expect(messages).toHaveLength(2)
    expect(messages[1]).toEqual(messages[0])
  })
})

describe('what an append is given', () => {
  test('is taken at the call: what the caller does to it later shows nowhere', async () => {
    const { append, messages } = page()
    const data = { text: 'before', parts: ['before'] }
    const metadata = { actor: 'before' }
    const failIfEventsMatch = { types: ['Noted'] }
    const appending = append([events.Noted(data)], { metadata, failIfEventsMatch })
    Object.assign(data, { text: 'after' }).parts.push('after')
    metadata.actor = 'after'
    failIfEventsMatch.types.push('Other')
    const outcome = await appending
    metadata.actor = 'later'
    expect(outcome.ok && outcome.events).toMatchObject([
      { data: { text: 'before', parts: ['before'] }, metadata: { actor: 'before' }, version: 1 },
    ])
    expect(JSON.stringify(messages)).not.toMatch(/after|Other/)
    // Events are frozen; what belongs to the caller is not.
    expect([data, data.parts, metadata].map(Object.isFrozen)).toEqual([false, false, false])
  })
})
