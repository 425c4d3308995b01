import { afterEach, describe, expect, test, vi } from 'vitest'
import { callOf, commitOf, pendingIds, versioned } from '../log/log.fixture.ts'
import { openTabs } from './controller.fixture.ts'
import { run } from './pump.fixture.ts'

/** Identities of tabs whose worker does not know how to decide again. */
const ignorant = vi.hoisted(() => new Set<unknown>())
vi.mock('../log/rebase.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../log/rebase.ts')>()
  const problem = { type: 'needs-decider', message: 'add-item' }
  const rebase: typeof original.rebase = async (engine) =>
    ignorant.has(engine) ? (problem as never) : original.rebase(engine)
  return { ...original, rebase }
})
afterEach(() => ignorant.clear())

/** A conflict that can't be decided here, and a commit behind it. */
const blocked = () =>
  run(async (server, tab) => {
    ignorant.add(tab.engine)
    server.put(commitOf('x', ['s9']))
    await tab.append(versioned('a', 's1', 0), callOf('b', ['t1']))
  })

describe('a pump that can’t decide a commit again', () => {
  test('says what is missing, keeps everything, and pushes nothing', async () => {
    const { server, tab, link, pump, settled, pass } = await blocked()
    expect(link()).toMatchObject({
      state: 'blocked',
      failures: 0,
      lastError: { type: 'needs-decider', message: 'add-item' },
    })
    await tab.append(callOf('c', ['u1']))
    for (const ask of [() => pump.nudge(), () => pump.now(), () => pump.awake()]) {
      ask()
      await settled()
      expect(link().state).toBe('blocked')
    }
    await pass(600_000)
    expect([pendingIds(tab), tab.engine.view.dead.size]).toEqual([['a', 'b', 'c'], 0])
    expect(server.asked.filter((one) => one.startsWith('push'))).toEqual([])
  })

  test('goes on taking what comes', async () => {
    const { server, tab, link, settled } = await blocked()
    expect(server.asked).toEqual(['pull 0', 'live'])
    server.stream?.say({ head: 2, page: server.put(commitOf('y', ['t9'])) })
    await settled()
    expect([tab.engine.view.confirmed.head.position, link().state, link().serverHead]).toEqual([2, 'blocked', 2])
  })

  test('tries again when the log moves, and now and then', async () => {
    const { tab, link, pump, settled, pass, server } = await blocked()
    ignorant.clear()
    await pass(59_000)
    expect(link().state).toBe('blocked')
    await pass(1_000)
    expect([link().state, pendingIds(tab), tab.engine.view.dead.has('a')]).toEqual(['live', [], true])
    expect(link()).not.toHaveProperty('lastError')
    ignorant.add(tab.engine)
    await tab.append(versioned('d', 'u1', 0))
    server.put(commitOf('z', ['u9']))
    pump.nudge()
    await settled()
    expect(link().state).toBe('blocked')
    ignorant.clear()
    pump.nudge()
    await settled()
    expect([link().state, pendingIds(tab)]).toEqual(['live', []])
  })
})

describe('a leader that can’t decide a commit again', () => {
  /** Tabs with a commit that the server's head refuses, and which of them know how to decide it again. */
  async function startBlocked(...knows: readonly boolean[]) {
    const started = await openTabs(knows.length)
    const { server, tabs, start } = started
    server.put(commitOf('x', ['s9']))
    for (const [nth, tab] of tabs.entries()) if (!knows[nth]) ignorant.add(tab.engine)
    await tabs[0]?.append(versioned('a', 's1', 0))
    await tabs[1]?.engine.catchUp()
    await start()
    return started
  }

  test('lets another tab lead, which can', async () => {
    const { tabs, pass, controllers, server, led } = await startBlocked(false, true)
    await pass(10_000)
    expect(led).toEqual([0, 1])
    for (const tab of tabs) {
      await tab.engine.catchUp()
      expect([pendingIds(tab), tab.engine.view.dead.has('a')]).toEqual([[], true])
    }
    expect(controllers.map(({ heard }) => heard?.state)).toEqual(['live', 'live'])
    expect(server.asked.filter((one) => one.startsWith('push'))).toEqual([])
  })

  test('leads on when it is alone, and goes on taking what comes', async () => {
    const { tabs, pass, controllers, server } = await startBlocked(false)
    await pass(5_000)
    expect(controllers[0]?.heard).toMatchObject({ state: 'blocked', lastError: { type: 'needs-decider' } })
    const { length } = server.asked
    server.stream?.say({ head: 2, page: server.put(commitOf('y', ['t9'])) })
    await pass(1_000)
    expect(tabs[0]?.engine.view.confirmed.head.position).toBe(2)
    await pass(600_000)
    // Once a minute it looks, and lets go and takes up the lead again.
    expect(server.asked.length - length).toBeLessThan(40)
    expect(controllers[0]?.heard?.state).toBe('blocked')
  })

  test('hands the lead to and fro about once a minute when nobody can', async () => {
    const { pass, led, controllers } = await startBlocked(false, false)
    await pass(240_000)
    expect(led.length).toBeGreaterThan(3)
    expect(led.length).toBeLessThan(12)
    await Promise.all([...controllers.map((controller) => controller.stop()), pass(5_000)])
  })
})
