import { describe, expect, test } from 'vitest'
import { commitBytesMax } from '../src/core/limits.ts'
import { isPullPage, isPushAnswer } from '../src/protocol/sync.ts'
import { createServer, problemOf, pulled, pushed, pushRequest, runOf } from './handler.fixture.ts'
import type { Sketch } from './judge.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { nothing } from './sequence.ts'
import type { LogStore } from './store.ts'

const words = (answer: Awaited<ReturnType<typeof pushed>>): string[] =>
  answer.status === 'verdicts' ? answer.verdicts.map(({ verdict }) => verdict) : [answer.status]

describe('a push', () => {
  test('answers the verdicts and the log after seen, in the shape that the wire format guards', async () => {
    const { handler } = createServer()
    const answer = await pushed(handler, [
      { id: 'A', events: [{ stream: 's' }, { stream: 's' }], condition: { streams: ['s'] } },
      { id: 'B' },
    ])
    expect(isPushAnswer(answer)).toBe(true)
    expect(answer).toMatchObject({
      status: 'verdicts',
      verdicts: [
        { id: 'A', verdict: 'accepted', position: 2 },
        { id: 'B', verdict: 'accepted', position: 3 },
      ],
      page: { after: nothing, head: 3, through: { position: 3 }, commits: [{ id: 'A' }, { id: 'B' }] },
    })
    expect(JSON.stringify(answer)).not.toContain('condition')
  })
  test('sent again stores nothing again', async () => {
    const { handler } = createServer()
    await pushed(handler, [{ id: 'A' }, { id: 'B' }])
    expect(words(await pushed(handler, [{ id: 'A' }, { id: 'B' }, { id: 'C' }]))).toEqual([
      'duplicate',
      'duplicate',
      'accepted',
    ])
    expect((await pulled(handler)).commits.map(({ id }) => id)).toEqual(['A', 'B', 'C'])
  })
  test('keeps fields that this version does not know', async () => {
    const { handler } = createServer()
    const commit = {
      id: 'A',
      contentId: 'A.p',
      time: 't',
      later: 1,
      events: [{ type: 'T', stream: 's', data: 1, new: [] }],
    }
    await handler(pushRequest({ protocol: 1, seen: nothing, commits: [commit] }))
    expect((await pulled(handler)).commits).toEqual([commit])
  })
  test('of nothing answers the page', async () => {
    const { handler } = createServer()
    await pushed(handler, [{ id: 'A' }])
    expect(await pushed(handler, [])).toMatchObject({ verdicts: [], page: { commits: [{ id: 'A' }] } })
  })
  test('bounds the page that it answers', async () => {
    const { handler } = createServer({ limits: { runCommitsMax: 2 } })
    await pushed(handler, [{ id: 'A' }, { id: 'B' }])
    const answer = await pushed(handler, [{ id: 'C' }])
    expect(answer).toMatchObject({ page: { commits: [{ id: 'A' }, { id: 'B' }], through: { position: 2 }, head: 3 } })
  })
  test('that names another log than the one here is told so, and stores nothing', async () => {
    const { handler } = createServer()
    await pushed(handler, [{ id: 'A' }])
    const seen = { position: 1, digest: 'ffffffffffffffff' }
    expect(await pushed(handler, [{ id: 'B' }], seen)).toEqual({ protocol: 1, status: 'diverged', head: 1 })
    const beyond = { position: 7, digest: 'ffffffffffffffff' }
    expect(await pushed(handler, [{ id: 'B' }], beyond)).toMatchObject({ status: 'diverged' })
    expect((await pulled(handler)).head).toBe(1)
  })
  test('that is too far behind has to pull first', async () => {
    const { handler } = createServer({ limits: { lagEventsMax: 2 } })
    await pushed(handler, [{ id: 'A' }, { id: 'B' }])
    expect(words(await pushed(handler, [{ id: 'C' }]))).toEqual(['accepted'])
    expect(await pushed(handler, [{ id: 'D' }])).toEqual({ protocol: 1, status: 'pull-first', head: 3 })
    const large = createServer({ limits: { lagBytesMax: 10, runCommitsMax: 1 } })
    for (const id of ['A', 'B']) await pushed(large.handler, [{ id }], (await pulled(large.handler)).through)
    expect(await pushed(large.handler, [{ id: 'C' }])).toMatchObject({ status: 'pull-first' })
  })
})

describe('static verdicts', () => {
  test('reject a malformed commit by its content and hold what stands behind', async () => {
    const { handler } = createServer()
    const body = runOf([{ id: 'A' }, { id: 'B' }]) as { commits: Record<string, unknown>[] }
    body.commits[0] = { id: 'A', contentId: 'A.p', time: 't', events: [] }
    const answer: unknown = await (await handler(pushRequest(body))).json()
    expect(answer).toMatchObject({
      verdicts: [
        { id: 'A', verdict: 'rejected', contentId: 'A.p', problem: { type: 'https://tidelog.dev/problems/malformed' } },
        { id: 'B', verdict: 'held' },
      ],
    })
  })
  test('reject what JSON text or a database would change without a word', async () => {
    const { handler, errors } = createServer()
    const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`
    const event = (data: string): string => `{"type":"T","stream":"s","data":${data}}`
    const commit = (id: string, events: string, more = ''): string =>
      `{"protocol":1,"seen":{"position":0,"digest":"${nothing.digest}"},"commits":[{"id":"${id}","contentId":"p","time":"t","events":[${events}]${more}}]}`
    for (const body of [
      commit('A', event('1e999')),
      commit('A', event(nested(201))),
      commit('A', event('1'), `,"later":${nested(100_000)}`),
      commit('\\ud800', event('1')),
      commit('a\\u0000b', event('1')),
      commit('A', event('1'), `,"condition":{"query":[${Array(129).fill('{}').join(',')}]}`),
    ]) {
      const answer = (await (await handler(pushRequest(body))).json()) as object
      expect(isPushAnswer(answer)).toBe(true)
      expect(answer).toMatchObject({ verdicts: [{ verdict: 'rejected' }], page: { head: 0 } })
    }
    expect(errors).toEqual([])
  })
  test('take a commit of exactly the largest size, and reject one byte more', async () => {
    const { handler } = createServer({ authenticate: () => 'ann' })
    const sized = (id: string, bytes: number): Sketch => {
      const empty = { id, events: [{ stream: 's', data: '' }] }
      const [commit] = (runOf([empty]) as { commits: object[] }).commits
      return {
        id,
        events: [{ stream: 's', data: 'ä'.repeat(10) + 'x'.repeat(bytes - 20 - JSON.stringify(commit).length) }],
      }
    }
    expect(words(await pushed(handler, [sized('A', commitBytesMax)]))).toEqual(['accepted'])
    expect(await pushed(handler, [sized('B', commitBytesMax + 1)])).toMatchObject({
      verdicts: [{ verdict: 'rejected', problem: { type: 'https://tidelog.dev/problems/commit-too-large' } }],
    })
  })
  test('can only be given to a commit with id and contentId: the request is refused otherwise', async () => {
    const { handler } = createServer()
    for (const commit of [
      null,
      7,
      [],
      {},
      { id: 'A' },
      { id: '', contentId: 'p' },
      { id: 'x'.repeat(129), contentId: 'p' },
    ])
      expect(await problemOf(await handler(pushRequest({ ...runOf([{ id: 'Z' }]), commits: [commit] })))).toBe(
        '400 commit-id',
      )
    expect((await pulled(handler)).head).toBe(0)
  })
})

describe('a store that others write to', () => {
  const racing = (beforeAppend: (store: LogStore, attempt: number) => Promise<unknown>, take = Infinity): LogStore => {
    const inner = memoryStore()
    let attempt = 0
    return {
      ...inner,
      async append(log, expectedHead, commits) {
        await beforeAppend(inner, attempt++)
        return inner.append(log, expectedHead, commits.slice(0, take))
      },
    }
  }
  const rival = async (store: LogStore, stream: string): Promise<void> => {
    const { handler } = createServer({ store })
    const { through } = await pulled(handler)
    await pushed(handler, [{ id: `rival-${through.position}`, events: [{ stream }] }], through)
  }
  const touchingA: Sketch = { id: 'A', events: [{ stream: 'a' }], condition: { streams: ['a'] } }

  test('is judged again when another was first, and the condition sees what it wrote', async () => {
    const aside = createServer({ store: racing(async (store, n) => n === 0 && rival(store, 'b')) })
    expect(words(await pushed(aside.handler, [touchingA]))).toEqual(['accepted'])
    const athwart = createServer({ store: racing(async (store, n) => n === 0 && rival(store, 'a')) })
    expect(words(await pushed(athwart.handler, [touchingA]))).toEqual(['conflict'])
    expect((await pulled(athwart.handler)).commits.map(({ id }) => id)).toEqual(['rival-0'])
  })
  test('that takes a prefix gets the rest, each commit once and in order', async () => {
    const { handler } = createServer({ store: racing(async () => {}, 1) })
    const run = [touchingA, { ...touchingA, id: 'B' }, { ...touchingA, id: 'C' }]
    expect(words(await pushed(handler, run))).toEqual(['duplicate', 'duplicate', 'accepted'])
    expect((await pulled(handler)).commits.map(({ id }) => id)).toEqual(['A', 'B', 'C'])
  })
  test('that never lets this one win is answered 503, to be tried again', async () => {
    const { handler } = createServer({ store: racing((store) => rival(store, 'b')), limits: { attemptsMax: 3 } })
    const response = await handler(pushRequest(runOf([touchingA])))
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await problemOf(response)).toBe('503 busy')
  })
  test('is written to in turn by one process: of many pushes at one head all are settled without a lost race', async () => {
    let lost = 0
    const inner = memoryStore()
    const store: LogStore = {
      ...inner,
      async append(...args) {
        const result = await inner.append(...args)
        if (result.taken === 0) lost++
        return result
      },
    }
    const { handler } = createServer({ store })
    const answers = await Promise.all([...'ABCDEFGH'].map((id) => pushed(handler, [{ ...touchingA, id }])))
    expect(answers.flatMap(words).sort()).toEqual(['accepted', ...Array(7).fill('conflict')])
    expect(lost).toBe(0)
    expect(isPullPage(await pulled(handler))).toBe(true)
  })
  test('that hangs lets only so many wait for their turn', async () => {
    let letGo = (): void => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const { handler } = createServer({ store: racing(() => held), limits: { waitingMax: 1 } })
    const first = pushed(handler, [{ id: 'A' }])
    const second = pushed(handler, [{ id: 'B' }])
    expect(await problemOf(await handler(pushRequest(runOf([{ id: 'C' }]))))).toBe('503 busy')
    letGo()
    expect([...words(await first), ...words(await second)]).toEqual(['accepted', 'accepted'])
  })
})
