import { describe, expect, test } from 'vitest'
import { callOf, createBrowser, openTab, pendingIds } from '../log/log.fixture.ts'
import { StoreError } from '../store/store.ts'
import { fail, run } from './pump.fixture.ts'
import { loadRetry, mayBeSent, noteSending } from './retry-store.ts'

const requests = (asked: readonly string[]): number => asked.filter((one) => one !== 'live').length

describe('the breaker', () => {
  const failing = (times: number) =>
    run(async (server, { append }) => {
      await append(callOf('a', ['s1']))
      for (let nth = 0; nth < times; nth++) server.pulls.push(fail('waiting'))
    })

  test('is closed for the first failures: an append causes a try', async () => {
    const { server, pump, link, settled } = await failing(4)
    for (const failures of [1, 2, 3, 4]) {
      expect(link()).toMatchObject({ state: 'waiting', failures })
      pump.nudge()
      await settled()
    }
    expect([requests(server.asked), link().state, link().failures]).toEqual([6, 'live', 0])
  })

  test('opens after five failures in a row: appends cause no try, and the timer goes on', async () => {
    const { server, pump, link, settled, clock } = await failing(6)
    while (link().failures < 5) {
      clock.step()
      await settled()
    }
    for (let times = 0; times < 20; times++) {
      pump.nudge()
      await settled()
    }
    expect([link().state, link().failures, server.asked.length]).toEqual(['waiting', 5, 5])
    for (const expected of ['waiting', 'live']) {
      while (link().state === 'waiting' && server.asked.length < (expected === 'live' ? 7 : 6)) {
        clock.step()
        await settled()
      }
      expect(link().state).toBe(expected)
    }
    expect(link().failures).toBe(0)
  })

  test.each(['now', 'awake'] as const)('lets one try through for %s, which closes it when it succeeds', async (ask) => {
    const { server, pump, link, settled, tab, clock } = await failing(6)
    while (link().failures < 5) {
      clock.step()
      await settled()
    }
    pump[ask]()
    await settled()
    expect([link().failures, server.asked.length]).toEqual([6, 6])
    pump.nudge()
    await settled()
    expect(server.asked.length).toBe(6)
    pump[ask]()
    await settled()
    expect([link().state, link().failures, pendingIds(tab)]).toEqual(['live', 0, []])
    await tab.append(callOf('b', ['s1']))
    pump.nudge()
    await settled()
    expect(pendingIds(tab)).toEqual([])
  })

  test('loses no append that came during the try that closes it', async () => {
    const { server, pump, link, settled, tab, clock } = await failing(5)
    while (link().failures < 5) {
      clock.step()
      await settled()
    }
    server.onPush = async () => {
      server.onPush = () => {}
      await tab.append(callOf('b', ['s1']))
      pump.nudge()
    }
    pump.now()
    await settled()
    await settled()
    expect([link().state, pendingIds(tab)]).toEqual(['live', []])
  })
})

describe('a wait that the server asked for', () => {
  const busy = () => run((server) => server.pulls.push(fail('waiting', 600_000)))

  test('is not cut short by an append, a stream, or a page that is looked at', async () => {
    const { server, pump, link, settled, tab, pass } = await run()
    server.pulls.push(fail('waiting', 600_000))
    server.stream?.say({ head: 5 })
    await settled()
    expect(link()).toMatchObject({ state: 'waiting', failures: 1 })
    await tab.append(callOf('a', ['s1']))
    pump.nudge()
    pump.awake()
    server.stream?.say({ head: 6 })
    server.stream?.end()
    await pass(590_000)
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0'])
    await pass(10_000)
    expect([link().state, pendingIds(tab)]).toEqual(['live', []])
  })

  test('is not cut short by an append that came during the try that was refused', async () => {
    const { server, pump, link, settled } = await run()
    server.pulls.push(() => {
      pump.nudge()
      return fail('waiting', 600_000)()
    })
    pump.now()
    await settled()
    expect([link().state, server.asked]).toEqual(['waiting', ['pull 0', 'live', 'pull 0']])
  })

  test('goes on under the next leader, which shows it at once', async () => {
    const first = await busy()
    const { retryAt } = first.link()
    first.pump.stop()
    await first.ended
    const next = await run(undefined, false, first.browser)
    expect(next.states()).toEqual(['waiting'])
    expect(next.link()).toMatchObject({ retryAt, failures: 1, lastError: { type: 'waiting', message: 'no' } })
    await next.tab.append(callOf('a', ['s1']))
    next.pump.nudge()
    await next.pass(599_000)
    expect(next.server.asked).toEqual([])
    await next.pass(1_000)
    expect([next.link().state, pendingIds(next.tab)]).toEqual(['live', []])
  })

  test('ends under the next leader when the app asks', async () => {
    const first = await busy()
    first.pump.stop()
    const next = await run(undefined, false, first.browser)
    next.pump.now()
    await next.settled()
    expect(next.link()).toMatchObject({ state: 'live', failures: 0 })
  })

  test('is forgotten once a try succeeded', async () => {
    const first = await busy()
    first.pump.now()
    await first.settled()
    expect(first.link().state).toBe('live')
    first.pump.nudge()
    await first.settled()
    expect(first.server.asked).toEqual(['pull 0', 'pull 0', 'live', 'pull 0'])
    first.pump.stop()
    const next = await run(undefined, false, first.browser)
    expect(next.link().state).toBe('live')
  })

  test('of a clock that was set back since is not waited for', async () => {
    const first = await run((server) => server.pulls.push(fail('waiting', 3_600_000)))
    first.pump.stop()
    const earlier = createBrowser()
    const next = await run(undefined, false, { ...first.browser, clock: earlier.clock })
    expect(next.link().state).toBe('waiting')
    next.pump.stop()
    const { engine } = await openTab(first.browser)
    const retry = await loadRetry(engine)
    const link = { ...(retry?.link ?? first.link()), retryAt: earlier.clock.now() + 3_600_001 }
    const row = { chain: 'sync', n: 0, format: 1, retry: { ...retry, link } } as const
    await engine.store.run([{ op: 'put', store: 'state', row }], { write: true })
    const last = await run(undefined, false, { ...first.browser, clock: earlier.clock })
    expect(last.link().state).toBe('live')
  })

  test('is written when it changes, and not by tries that succeed', async () => {
    let writes = 0
    const counting = await run(
      (server) => server.pulls.push(fail('waiting')),
      false,
      createBrowser(),
      (store) => ({
        ...store,
        run: (asked, options) => {
          if (asked.some((one) => one.store === 'state' && one.op === 'put')) writes += 1
          return store.run(asked, options)
        },
      }),
    )
    expect(writes).toBe(1)
    counting.pump.now()
    await counting.settled()
    expect(writes).toBe(2)
    for (let times = 0; times < 3; times++) {
      counting.pump.now()
      await counting.settled()
    }
    expect([writes, counting.link().state]).toEqual([2, 'live'])
  })

  test('needs no place to be kept in; a push does, since a withdrawal would be told that nothing was sent', async () => {
    let isFull = true
    const { server, link, pump, settled, tab } = await run(
      async (server, { append }) => {
        await append(callOf('a', ['s1']))
        server.pulls.push(fail('waiting'))
      },
      false,
      createBrowser(),
      (store) => ({
        ...store,
        run: (asked, options) =>
          isFull && JSON.stringify(asked).includes('"sync"')
            ? Promise.reject(new StoreError('full', 'no room'))
            : store.run(asked, options),
      }),
    )
    expect(link().state).toBe('waiting')
    pump.now()
    await settled()
    expect([link().state, pendingIds(tab), server.asked.filter((what) => what.startsWith('push'))]).toEqual([
      'waiting',
      ['a'],
      [],
    ])
    isFull = false
    pump.now()
    await settled()
    expect([link().state, pendingIds(tab)]).toEqual(['live', []])
  })
})

describe('credentials that the server refuses', () => {
  test('cause a try when they are renewed, a few times at once and then only now and then', async () => {
    const { server, link, pump, settled, clock } = await run((server) => {
      for (let times = 0; times < 9; times++) server.pulls.push(fail('needs-credentials'))
    })
    for (let times = 0; times < 20; times++) {
      pump.renewed()
      await settled()
    }
    expect([server.asked.length, link().state, typeof link().retryAt]).toEqual([5, 'needs-credentials', 'number'])
    while (link().state === 'needs-credentials') {
      clock.step()
      await settled()
    }
    expect([server.asked.length, link().state]).toEqual([11, 'live'])
  })

  test('and that are renewed while they are refused are tried', async () => {
    const { server, link, pump, settled } = await run()
    server.pulls.push(() => {
      pump.renewed()
      return fail('needs-credentials')()
    })
    pump.now()
    await settled()
    expect([link().state, server.asked]).toEqual(['live', ['pull 0', 'live', 'pull 0', 'pull 0']])
  })
})

describe('what may have been sent', () => {
  test('is noted before the push leaves', async () => {
    const seen: boolean[] = []
    const { tab } = await run(async (server, { append, engine }) => {
      await append(callOf('a', ['s1']))
      await append(callOf('b', ['t1']))
      server.onPush = async () => {
        for (const revision of [1, 2, 3]) seen.push(await mayBeSent(engine, revision))
      }
    })
    expect([seen, pendingIds(tab)]).toEqual([[true, true, false], []])
  })

  test('is nothing while no push left', async () => {
    const { tab } = await run(async (server, { append }) => {
      await append(callOf('a', ['s1']))
      server.pulls.push(fail('waiting'))
    })
    expect(await mayBeSent(tab.engine, 1)).toBe(false)
  })

  test('is not taken back by another leader that is behind', async () => {
    const { engine } = await openTab(createBrowser())
    await noteSending(engine, 9)
    await noteSending(engine, 4)
    const known = await Promise.all([4, 9, 10].map((revision) => mayBeSent(engine, revision)))
    expect(known).toEqual([true, true, false])
    await noteSending(engine, 12)
    const [rows] = await engine.store.run([{ op: 'range', store: 'state', from: ['sync', 0], to: ['sync', 99] }])
    expect(rows).toEqual([{ chain: 'sync', n: 12, format: 1 }])
  })

  test('does not leave when it was taken out of the queue while that was noted', async () => {
    const browser = createBrowser()
    const other = await openTab(browser)
    browser.channels.isLost = () => true
    const { server, tab } = await run(
      async (_server, { append }) => {
        await append(callOf('a', ['s1']))
        await append(callOf('b', ['t1']))
      },
      false,
      browser,
      (store) => ({
        ...store,
        // Another tab writes between the moment the run is chosen and the one it is noted.
        run: async (asked, options) => {
          const isNote = asked.some((one) => one.op === 'put' && 'n' in one.row && Number(one.row.n) > 0)
          if (isNote && other.engine.view.revision === 0) await withdraw()
          return store.run(asked, options)
        },
      }),
    )
    async function withdraw(): Promise<void> {
      await other.engine.catchUp()
      await other.engine.write(() => ({
        row: {
          kind: 'rebase',
          through: -1,
          replaced: '[]',
          refused: [],
          withdrawn: ['a'],
          order: [],
          takenOut: [],
        },
        result: undefined,
      }))
    }
    expect(server.asked.filter((one) => one.startsWith('push'))).toEqual(['push b'])
    expect(pendingIds(tab)).toEqual([])
  })
})
