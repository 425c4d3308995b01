import { describe, expect, test } from 'vitest'
import { callOf, commitOf, createBrowser, openTab, pendingIds, quiet, rowsOf, versioned } from '../log/log.fixture.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { SyncFailure } from './failure.ts'
import { fail, run, ScriptedServer } from './pump.fixture.ts'
import { Pump } from './pump.ts'

describe('an exchange', () => {
  test('pulls to the head, then pushes the queue, then goes live', async () => {
    const { server, tab, states } = await run(async ({ put }, { append }) => {
      await append(callOf('a', ['s1']), callOf('b', ['t1']))
      return put
    })
    expect(server.asked).toEqual(['pull 0', 'push a,b', 'live'])
    expect([pendingIds(tab), states().at(-1)]).toEqual([[], 'live'])
  })

  test('rebases what came in before it pushes', async () => {
    const { server, tab } = await run(async (server, { append }) => {
      server.put(commitOf('x', ['s9']))
      await append(versioned('a', 's1', 0), callOf('b', ['t1']))
    })
    expect(server.asked).toEqual(['pull 0', 'push b', 'live'])
    expect(tab.engine.view.dead.has('a')).toBe(true)
  })

  test('rebases once it is at the head, not page by page: a later page may confirm what an earlier one touches', async () => {
    const { tab, server } = await run(async (server, { append }) => {
      await append(versioned('a', 's1', 0))
      server.put(commitOf('x', ['s9']))
      server.put(commitOf('a', ['s1']))
    })
    expect(server.asked).toEqual(['pull 0', 'pull 1', 'live'])
    expect((await rowsOf(tab)).map(({ kind }) => kind)).toEqual(['append', 'pull', 'pull'])
    expect([pendingIds(tab), tab.engine.view.dead.size]).toEqual([[], 0])
  })

  test('is confirmed by the page alone: verdicts without it confirm nothing', async () => {
    const { tab, server } = await run(async (server, { append }) => {
      await append(callOf('a', ['s1']))
      server.pushes.push(({ commits, seen }) => ({
        protocol: 1,
        status: 'verdicts',
        verdicts: commits.map(({ id }) => ({ id, verdict: 'accepted', position: 1 })),
        page: { protocol: 1, status: 'page', after: seen, commits: [], through: seen, head: 0 },
      }))
    })
    expect(server.asked).toEqual(['pull 0', 'push a'])
    expect([pendingIds(tab), tab.engine.view.confirmed.head.position]).toEqual([['a'], 0])
  })

  test('takes a rejected commit out and pushes the rest', async () => {
    const { tab, server } = await run(async (server, { append }) => {
      await append(callOf('a', ['s1']), callOf('b', ['t1']))
      server.pushes.push(({ seen }) => ({
        protocol: 1,
        status: 'verdicts',
        verdicts: [
          { id: 'a', verdict: 'rejected', contentId: 'a/1', problem: { type: 'p', title: 'No' } },
          { id: 'b', verdict: 'held' },
        ],
        page: { protocol: 1, status: 'page', after: seen, commits: [], through: seen, head: 0 },
      }))
    })
    expect(server.asked).toEqual(['pull 0', 'push a,b', 'push b', 'live'])
    expect([tab.engine.view.dead.has('a'), pendingIds(tab)]).toEqual([true, []])
  })

  test('halves a run that is too large, down to one, and then waits with it', async () => {
    const { server, states, tab } = await run(async (server, { append }) => {
      await append(...['a', 'b', 'c', 'd', 'e'].map((id) => callOf(id, ['s1'])))
      for (let times = 0; times < 3; times++) server.pushes.push(fail('too-large'))
      server.pushes.push(fail('too-large'))
    })
    expect(server.asked).toEqual(['pull 0', 'push a,b,c,d,e', 'push a,b,c', 'push a,b', 'push a'])
    expect([states().at(-1), pendingIds(tab).length]).toEqual(['waiting', 5])
  })

  test('pulls first when it is told to', async () => {
    const { server } = await run(async (server, { append }) => {
      await append(callOf('a', ['s1']))
      server.pushes.push(() => {
        server.put(commitOf('x', ['u1']))
        return { protocol: 1, status: 'pull-first', head: 1 }
      })
    })
    expect(server.asked).toEqual(['pull 0', 'push a', 'pull 0', 'push a', 'live'])
  })

  test('that brings nothing although there is more waits, and does not ask without pause', async () => {
    const empty = { protocol: 1, status: 'page', commits: [], head: 9 } as const
    const { server, link } = await run((server) => {
      const { head } = server.log
      server.pulls.push(() => ({ ...empty, after: head, through: head }))
    })
    expect(server.asked).toEqual(['pull 0'])
    expect(link()).toMatchObject({ state: 'waiting', lastError: { type: 'no-progress' } })
  })

  test('that brings a corrupt page waits, and takes nothing of it', async () => {
    const { tab, link } = await run((server) => {
      const page = server.put(commitOf('x', ['s1']))
      server.pulls.push(() => ({ ...page, through: { ...page.through, digest: '0123456789abcdef' } }))
    })
    expect(link()).toMatchObject({ state: 'waiting', lastError: { type: 'corrupt-page' } })
    expect(tab.engine.view.revision).toBe(0)
  })
})

describe('a failure', () => {
  test('is tried again after the back-off, for ever, longer each time', async () => {
    const { server, clock, link, settled } = await run((server) => {
      for (let times = 0; times < 12; times++) server.pulls.push(fail('waiting'))
    })
    const waits: number[] = []
    while (link().state === 'waiting') {
      waits.push((link().retryAt ?? 0) - clock.now())
      clock.step()
      await settled()
    }
    expect([waits.length, server.asked.length, link().state]).toEqual([12, 14, 'live'])
    waits.forEach((ms, at) => expect(ms).toBeLessThanOrEqual(Math.min(60_000, 500 * 2 ** at)))
  })

  test('waits as long as the server asks', async () => {
    const { clock, link } = await run((server) => server.pulls.push(fail('waiting', 120_000)))
    expect((link().retryAt ?? 0) - clock.now()).toBe(120_000)
  })

  test('is tried at once when the app wakes it', async () => {
    const { pump, link, settled } = await run((server) => server.pulls.push(fail('waiting', 120_000)))
    pump.now()
    await settled()
    expect(link().state).toBe('live')
    expect(link()).not.toHaveProperty('lastError')
  })

  test.each(['needs-credentials', 'stopped', 'diverged'] as const)(
    'that ends as %s shows as that and is not tried again by itself',
    async (kind) => {
      const { server, clock, link, pump, settled, tab } = await run(async (server, { append }) => {
        await append(callOf('a', ['s1']))
        server.pulls.push(fail(kind))
      })
      expect(link()).toMatchObject({ state: kind, lastError: { type: kind } })
      clock.step() // The rest after the notice of the append.
      expect(clock.step()).toBe(false)
      expect([server.asked, pendingIds(tab)]).toEqual([['pull 0'], ['a']])
      pump.now()
      await settled()
      expect(pendingIds(tab)).toEqual([])
    },
  )

  test('as diverged comes also from an answer, of a pull or of a push', async () => {
    const answer = { protocol: 1, status: 'diverged', head: 4 } as const
    const pulled = await run((server) => server.pulls.push(() => answer))
    const pushed = await run(async (server, { append }) => {
      await append(callOf('a', ['s1']))
      server.pushes.push(() => answer)
    })
    expect([pulled.link().state, pushed.link().state, pendingIds(pushed.tab)]).toEqual(['diverged', 'diverged', ['a']])
  })
})

describe('a pump', () => {
  test('that is paused talks to nobody until it is resumed', async () => {
    const { server, pump, settled, link } = await run(undefined, true)
    pump.now()
    await settled()
    expect([server.asked, link().state]).toEqual([[], 'paused'])
    pump.resume()
    await settled()
    expect([server.asked, link().state]).toEqual([['pull 0', 'live'], 'live'])
    pump.pause()
    await settled()
    expect(link().state).toBe('paused')
    pump.resume()
    await settled()
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0', 'live'])
  })

  test('that is stopped ends, whatever it waits for', async () => {
    const live = await run()
    const waiting = await run((server) => server.pulls.push(fail('waiting')))
    const paused = await run(undefined, true)
    for (const { pump } of [live, waiting, paused]) pump.stop()
    await expect(Promise.all([live.ended, waiting.ended, paused.ended])).resolves.toHaveLength(3)
  })

  test('takes pages from the live stream, and pulls what a head tells of', async () => {
    const { server, tab, settled } = await run()
    server.stream?.say({ head: 1, page: server.put(commitOf('x', ['s1'])) })
    await settled()
    expect(tab.engine.view.confirmed.head.position).toBe(1)
    server.put(commitOf('y', ['s1']))
    server.stream?.say({ head: 2 })
    await settled()
    expect(tab.engine.view.confirmed.head.position).toBe(2)
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 1'])
  })

  test('opens a stream that ended again soon, and pulls what it missed', async () => {
    const { server, clock, settled, tab } = await run()
    server.stream?.say({})
    server.put(commitOf('x', ['s1']))
    server.stream?.end()
    await settled()
    expect(clock.step()).toBe(true)
    await settled()
    expect(clock.now() - Date.UTC(2026, 0, 1)).toBeLessThanOrEqual(500)
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0', 'live'])
    expect(tab.engine.view.confirmed.head.position).toBe(1)
  })

  test('asks now and then while no stream can be opened', async () => {
    const { server, clock, settled } = await run()
    server.stream?.fail(new SyncFailure('waiting', 'http-503', 'no'))
    await settled()
    for (let times = 0; times < 3; times++) {
      clock.step()
      await settled()
    }
    expect(server.asked.filter((one) => one.startsWith('pull')).length).toBeGreaterThan(1)
  })

  test.each(['now', 'nudge'] as const)('does another exchange after one during which %s was called', async (ask) => {
    const { server, pump, settled } = await run()
    server.pulls.push(() => {
      pump[ask]()
      pump[ask]()
      return { protocol: 1, status: 'page', after: server.log.head, commits: [], through: server.log.head, head: 0 }
    })
    pump.now()
    await settled()
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0', 'pull 0'])
  })

  test('of two leaders at once, each on its own tab, leaves one log', async () => {
    const browser = createBrowser()
    const tabs = [await openTab(browser), await openTab(browser)]
    const server = new ScriptedServer()
    await tabs[0]!.append(callOf('a', ['s1']), callOf('b', ['t1']))
    const pumps = tabs.map(
      ({ engine }) =>
        new Pump({ engine, transport: server, clock: browser.clock, random: seededRandom(2), onLink: () => {} }, false),
    )
    for (const pump of pumps) void pump.run()
    for (let turns = 0; turns < 20; turns++) await quiet()
    for (const pump of pumps) pump.stop()
    for (const tab of tabs) {
      await tab.engine.catchUp()
      expect(['a', 'b'].map((id) => tab.engine.view.confirmed.positionOf(id))).toEqual([1, 2])
    }
  })
})
