import { describe, expect, test } from 'vitest'
import type { CommitCondition } from '../core/commit.ts'
import { commitOf, eventOf, idsOf } from './log.fixture.ts'
import { PendingQueue } from './pending-queue.ts'

const looksAtS: CommitCondition = { streams: ['s'] }
const queueOf = (...commits: readonly ReturnType<typeof commitOf>[]): PendingQueue => {
  const queue = new PendingQueue()
  commits.forEach((commit, at) => queue.push(commit, at + 1))
  return queue
}
const listOf = (queue: PendingQueue) => idsOf([...queue.list()].map(({ commit }) => commit))
const touchedOf = (queue: PendingQueue) => idsOf([...queue.touched].map(({ commit }) => commit))
const found = (queue: PendingQueue, stream: string) =>
  [...queue.matching([{ stream }])].map((ordinal) => {
    const item = queue.at(ordinal)
    return item?.commit.events[ordinal - item.place]?.data
  })

describe('a pending queue', () => {
  test('keeps local order, and finds commits by id and events by what they are', () => {
    const queue = queueOf(commitOf('b', ['s1', 't1']), commitOf('a', ['s2']))
    expect([listOf(queue), queue.size, queue.get('a')?.revision]).toEqual([['b', 'a'], 2, 2])
    expect([found(queue, 's'), found(queue, 't')]).toEqual([['s1', 's2'], ['t1']])
    expect(queue.index.countOf('s')).toBe(2)
  })

  test('is touched by what its conditions look at, and by nothing else', () => {
    const queue = queueOf(commitOf('a', ['t1'], looksAtS), commitOf('b', ['t1'], { query: [{ types: ['T9'] }] }))
    queue.touch(eventOf('u1'))
    expect(touchedOf(queue)).toEqual([])
    queue.touch(eventOf('s9'))
    expect(touchedOf(queue)).toEqual(['a', 'b'])
  })

  test('a commit that leaves touches those behind it that look at it, never those before it', () => {
    const all = () =>
      queueOf(
        commitOf('a', ['t1'], looksAtS),
        commitOf('b', ['s1'], looksAtS),
        commitOf('c', ['t1'], looksAtS),
        commitOf('d', ['t1'], { streams: ['t'] }),
      )
    const queue = all()
    queue.remove(['b'], () => true)
    expect([listOf(queue), touchedOf(queue)]).toEqual([['a', 'c', 'd'], ['c']])
    const own = all()
    own.remove(['b', 'nobody'], () => false)
    expect([listOf(own), touchedOf(own)]).toEqual([['a', 'c', 'd'], []])
  })

  test('one that leaves is not touched, nor found, any more', () => {
    const queue = queueOf(commitOf('a', ['s1', 's2'], looksAtS))
    queue.touch(eventOf('s9'))
    queue.remove(['a'], () => true)
    expect([touchedOf(queue), found(queue, 's'), queue.lookingAt(eventOf('s9'))]).toEqual([[], [], []])
    expect([queue.size, queue.index.countOf('s')]).toEqual([0, 0])
  })

  test('a replaced commit keeps its place between the others, with new events, condition and revision', () => {
    const queue = queueOf(commitOf('a', ['s1']), commitOf('b', ['s2', 's3'], looksAtS), commitOf('c', ['s4']))
    queue.touch(eventOf('s9'))
    queue.rebase([commitOf('b', ['s5', 't5', 's6'], { streams: ['u'] })], 9)
    expect([listOf(queue), found(queue, 's'), found(queue, 't')]).toEqual([
      ['a', 'b', 'c'],
      ['s1', 's5', 's6', 's4'],
      ['t5'],
    ])
    expect([queue.get('a')?.revision, queue.get('b')?.revision, touchedOf(queue)]).toEqual([1, 9, []])
    queue.touch(eventOf('s9'))
    expect(touchedOf(queue)).toEqual([])
    queue.touch(eventOf('u1'))
    expect(touchedOf(queue)).toEqual(['b'])
  })

  test('what comes after a rebase stands behind all', () => {
    const queue = queueOf(commitOf('a', ['s1']), commitOf('b', ['s2']))
    queue.rebase([commitOf('a', ['s3'])], 3)
    queue.push(commitOf('c', ['s4']), 4)
    expect([listOf(queue), found(queue, 's')]).toEqual([
      ['a', 'b', 'c'],
      ['s3', 's2', 's4'],
    ])
  })
})
