import { describe, expect, test } from 'vitest'
import { defineEvents, event } from '../src/core/event.ts'
import { commitBytesMax } from '../src/core/limits.ts'
import { defineLog } from '../src/core/model.ts'
import { isPullPage, isPushAnswer, type PushVerdicts } from '../src/protocol/sync.ts'
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
  test('stores and answers only what this version knows of a commit, however deep the rest is nested', async () => {
    const { handler, store, errors } = createServer()
    const commit = {
      id: 'A',
      contentId: 'A.p',
      time: 't',
      events: [{ type: 'T', stream: 's', data: { junk: 1 }, tags: ['k:1'], v: 2 }],
      metadata: { note: 'n' },
    }
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const text = JSON.stringify({
      protocol: 1,
      seen: nothing,
      commits: [
        {
          ...commit,
          command: { name: 'c' },
          attempt: 3,
          junk: 'DEEP',
          events: commit.events.map((event) => ({ ...event, id: 'forged', position: 9, version: 7 })),
        },
      ],
    }).replace('"DEEP"', deep)
    const answer: unknown = await (
      await handler(pushRequest(text.replace('"metadata"', '"__proto__":{"x":1},"metadata"')))
    ).json()
    expect(answer).toMatchObject({ verdicts: [{ verdict: 'accepted' }], page: { head: 1 } })
    expect((await store.range('cart', 0, { commitsMax: 9, bytesMax: 9_999 })).commits[0]?.text).toBe(
      JSON.stringify(commit),
    )
    expect((await pulled(handler)).commits).toEqual([commit])
    expect(errors).toEqual([])
  })
  test('of nothing answers the page', async () => {
    const { handler } = createServer()
    await pushed(handler, [{ id: 'A' }])
    expect(await pushed(handler, [])).toMatchObject({ verdicts: [], page: { commits: [{ id: 'A' }] } })
  })
  test('bounds the page that it answers', async () => {
    const { handler } = createServer({ limits: { pageCommitsMax: 2 } })
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
    const large = createServer({ limits: { lagBytesMax: 10, pageCommitsMax: 1 } })
    for (const id of ['A', 'B']) await pushed(large.handler, [{ id }], (await pulled(large.handler)).through)
    expect(await pushed(large.handler, [{ id: 'C' }])).toMatchObject({ status: 'pull-first' })
  })
  test('whose conditions take too long to check is to be halved, and stores nothing', async () => {
    const { handler } = createServer({ limits: { comparisonsMax: 20_000 } })
    const tagged = Array.from({ length: 1_000 }, (_, i) => ({ stream: 's', tags: [`half:${i % 2}`, 'all:1'] }))
    await pushed(handler, [{ id: 'many', events: tagged }])
    const demanding = (id: string): Sketch => ({
      id,
      events: [{ stream: 't' }],
      condition: { query: Array(10).fill({ tags: ['half:0', 'half:1'] }) },
    })
    expect(await problemOf(await handler(pushRequest(runOf([demanding('A'), demanding('B')]))))).toBe('413 too-many')
    expect((await pulled(handler)).head).toBe(1_000)
    expect(words(await pushed(handler, [demanding('A')]))).toEqual(['accepted'])
  })
})

/** A list of texts under any key, whose schema names each number in it. */
const listed = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) => ({
      issues: Object.entries(value ?? {}).flatMap(([key, list]) =>
        (list as unknown[]).map((_, index) => ({ message: 'must be a text', path: [key, index] })),
      ),
    }),
  },
}
const strictModel = defineLog({ name: 'strict', events: defineEvents({ Listed: event(listed) }) })

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
      commit('A', event(nested(100_000))),
      commit('A', event('1'), `,"metadata":${nested(100_000)}`),
      commit('A', Array(10_001).fill(event('1')).join(',')),
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
  test('say the first thing that is wrong, in few words, however much is wrong behind however long a key', async () => {
    const { handler, errors } = createServer({ model: strictModel })
    const rejectedFor = async (data: string): Promise<string> => {
      const commit = `{"id":"A","contentId":"p","time":"t","events":[{"type":"Listed","stream":"s","data":${data}}]}`
      const body = `{"protocol":1,"seen":{"position":0,"digest":"${nothing.digest}"},"commits":[${commit}]}`
      const { verdicts } = (await (await handler(pushRequest(body))).json()) as PushVerdicts
      const [verdict] = verdicts
      return verdict?.verdict === 'rejected' ? (verdict.problem.detail ?? '') : ''
    }
    const key = 'k'.repeat(400_000)
    expect(await rejectedFor(`{"a":[1,1e999],"b":1e999}`)).toBe('events[0].data.a.1: Infinity is not JSON')
    expect(await rejectedFor(`{"${key}":[${Array(80_000).fill('1e999').join(',')}]}`)).toMatch(/^.{1,400}$/)
    expect(await rejectedFor(`{"${key}":[${Array(80_000).fill('1').join(',')}]}`)).toMatch(/^.{1,2000}$/)
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

describe('a large push', () => {
  /** Holds the process up as a large commit would. */
  const spin = (): undefined => {
    const until = performance.now() + 11
    while (performance.now() < until);
  }
  const sketches = Array.from({ length: 20 }, (_, n) => ({ id: `A${n}` }))

  test('lets others go first between its commits', async () => {
    const { handler } = createServer({ validate: spin })
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    expect(await pushed(handler, sketches)).toMatchObject({ status: 'verdicts' })
    clearInterval(timer)
    expect(turns).toBeGreaterThanOrEqual(15)
  })
  test('lets others go first while it reads what its device has not seen', async () => {
    const inner = memoryStore()
    const slow: LogStore = {
      ...inner,
      range: (...asked) => {
        spin()
        return inner.range(...asked)
      },
    }
    const { handler } = createServer({ store: slow, limits: { pageCommitsMax: 1 } })
    await pushed(handler, sketches)
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    expect(await pushed(handler, [{ id: 'B' }])).toMatchObject({ verdicts: [{ verdict: 'accepted', position: 21 }] })
    clearInterval(timer)
    expect(turns).toBeGreaterThanOrEqual(15)
  })
})
