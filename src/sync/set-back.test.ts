// The clock of a device is set back by years in the midst of what waits by it.
import { describe, expect, test } from 'vitest'
import { callOf, createBrowser, pendingIds } from '../log/log.fixture.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { SyncFailure } from './failure.ts'
import { fail, run, type ScriptedServer } from './pump.fixture.ts'

const yearsMs = 10 * 365 * 86_400_000

/** Timers go on as they are when it is set. */
class SetClock extends VirtualClock {
  offMs = 0
  override now(): number {
    return super.now() + this.offMs
  }
}
async function runSet(prepare?: (server: ScriptedServer) => unknown) {
  const clock = new SetClock()
  const running = await run((server) => prepare?.(server), false, { ...createBrowser(), clock })
  const set = (ms: number): void => {
    clock.offMs = ms
  }
  return { ...running, set }
}

describe('a clock that is set back, or forth,', () => {
  test.each([-yearsMs, yearsMs])('by %d ms leaves a retry where it was', async (ms) => {
    const { set, tab, link, pass, pump } = await runSet((server) => server.pulls.push(fail('waiting')))
    expect(link().state).toBe('waiting')
    set(ms)
    await tab.append(callOf('a', ['s1']))
    await pass(2_000)
    expect([link().state, pendingIds(tab)]).toEqual(['live', []])
    pump.stop()
  })

  test('leaves no page that is looked at waiting for years for what the server asked for', async () => {
    const { set, link, settled, pump } = await runSet((server) => server.pulls.push(fail('waiting', 60_000)))
    pump.awake()
    await settled()
    expect(link().state).toBe('waiting')
    set(-yearsMs)
    pump.awake()
    await settled()
    expect(link().state).toBe('live')
    pump.stop()
  })

  test('leaves no wire alone that may be dead', async () => {
    const { set, server, pump, settled } = await runSet()
    set(-yearsMs)
    pump.now()
    await settled()
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0', 'live'])
    pump.stop()
  })

  test('puts neither a stream nor the next long poll off', async () => {
    const { set, server, settled, pass, pump } = await runSet()
    const streamless = async (): Promise<void> => {
      server.stream?.fail(new SyncFailure('waiting', 'refused', 'no'))
      await settled()
      await pass(1)
    }
    await streamless()
    expect(server.asked.slice(2)).toEqual(['pull 0', 'pull 0 for 25 s'])
    await pass(20_000)
    set(-86_400_000)
    server.poll?.answer()
    await settled()
    await pass(25_000)
    expect(server.asked.slice(4)).toEqual(['pull 0', 'live'])
    pump.stop()
  })
})
