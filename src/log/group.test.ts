import { describe, expect, test } from 'vitest'
import type { AppendText } from '../protocol/worker.ts'
import { readCall } from './append-call.ts'
import { deciders, executeOf } from './deciders.fixture.ts'
import { checkGroup } from './group.ts'
import { callOf, changed, createBrowser, openTab, type TabOptions, versioned } from './log.fixture.ts'

async function check(calls: readonly AppendText[], options: TabOptions & { readonly isLocal?: boolean } = {}) {
  const tab = await openTab(createBrowser(), options)
  await tab.append(callOf('before', ['s1']))
  const incoming = calls.map((call) => {
    const read = readCall(call)
    if (!('commit' in read)) throw new Error('a call that makes no sense')
    return read
  })
  return checkGroup(tab.engine, incoming, options.isLocal ?? false)
}
const sees = (id: string) => executeOf(id, { kind: 'sees', on: 's', to: 't' })

describe('a group', () => {
  test('decides each command on what stands before it, of the log and of the group', async () => {
    const checked = await check([sees('a'), callOf('b', ['s2']), sees('c'), callOf('d', ['s3'])], { deciders })
    expect(checked.map(({ commit }) => commit.events[0]?.data)).toEqual(['s1@1', 's2', 's1@1 s2@2', 's3'])
    expect(checked.map(({ before }) => before)).toEqual([0, 1, 2, 3])
    expect(checked.map(({ admission }) => admission)).toMatchObject([
      { kind: 'admit', versions: [1] },
      { kind: 'admit', versions: [2] },
      { kind: 'admit', versions: [2] },
      { kind: 'admit', versions: [3] },
    ])
  })

  test('goes on behind what is refused, has nothing to do, or is known: none of it stands before the others', async () => {
    const calls = [
      executeOf('a', { kind: 'only-if-empty', on: 's' }),
      executeOf('b', { kind: 'first', on: 's' }),
      executeOf('before', { kind: 'sees', on: 's' }),
      versioned('c', 's9', 7),
      executeOf('d', { kind: 'fails', on: 's' }),
      sees('e'),
      sees('e'),
    ]
    const checked = await check(calls, { deciders })
    expect(checked.map(({ admission: { kind } }) => kind)).toEqual([
      'refuse',
      'nothing-to-do',
      'known',
      'refuse',
      'refuse',
      'admit',
      'known',
    ])
    expect(checked[0]?.admission).toMatchObject({
      reason: { type: 'Refused', refusal: { type: 'Taken', data: ['s1@1'] } },
    })
    expect(checked[5]).toMatchObject({ before: 0, commit: { events: [{ data: 's1@1' }] } })
  })

  test('keeps a command and what it looked at with its commit, but not where it is confirmed at once', async () => {
    const [pending] = await check([sees('a')], { deciders })
    expect(pending?.commit).toMatchObject({ command: { name: 'sees', v: 1 }, condition: { streams: ['s'] } })
    expect(JSON.parse(pending?.text ?? '')).toEqual(JSON.parse(JSON.stringify(pending?.commit)))
    const [confirmed] = await check([sees('a')], { deciders, isLocal: true, synced: false })
    expect(Object.keys(confirmed?.commit ?? {})).not.toContain('command')
    expect(confirmed?.commit.condition).toBeUndefined()
  })

  test('of a worker without rules answers that it can’t decide, and takes the rest', async () => {
    const checked = await check([sees('a'), callOf('b', ['s2'])])
    expect(checked.map(({ admission }) => admission)).toMatchObject([
      { kind: 'refuse', reason: { type: 'Error', code: 'tidelog/decider' } },
      { kind: 'admit', versions: [2] },
    ])
  })
})

describe('a stream that has to exist', () => {
  const asked = callOf('a', ['s2', 't1'], { failIfEventsMatch: { types: ['Other'] } })
  const needs = (stream: string) => ({ stream, count: 1, expectedVersion: 'exists' })
  const conditionOf = async (call: AppendText) => {
    const [checked] = await check([call], { synced: false })
    const { condition } = checked?.commit ?? {}
    expect(JSON.parse(checked?.text ?? '').condition).toEqual(condition && JSON.parse(JSON.stringify(condition)))
    return condition
  }

  test('and does, confirmed, is asked for no more; what else the commit hangs on still is', async () => {
    expect(await conditionOf(changed(asked, { writes: [needs('s'), needs('t')] }))).toEqual({
      streams: ['t'],
      query: [{ types: ['Other'] }],
    })
    expect(await conditionOf(changed(callOf('a', ['s2']), { writes: [needs('s')] }))).toBeUndefined()
  })
})
