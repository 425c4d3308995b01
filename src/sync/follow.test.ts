import { describe, expect, test } from 'vitest'
import { callOf, commitOf, pendingIds } from '../log/log.fixture.ts'
import { SyncFailure } from './failure.ts'
import { type Running, run } from './pump.fixture.ts'

const refused = new SyncFailure('waiting', 'not-a-tidelog-answer')
/** A pump whose live stream could not be opened. */
async function streamless(): Promise<Running> {
  const running = await run()
  running.server.stream?.fail(refused)
  await running.settled()
  await running.pass(0)
  return running
}
const lives = ({ server }: Running): number => server.asked.filter((one) => one === 'live').length

describe('where no stream can be opened', () => {
  test('a long poll stands for it, and brings what comes', async () => {
    const { server, tab, settled, pass, link } = await streamless()
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0', 'pull 0 for 25 s'])
    server.put(commitOf('x', ['s1']))
    server.poll?.answer()
    await settled()
    await pass(0)
    expect([tab.engine.view.confirmed.head.position, link().state, link().serverHead]).toEqual([1, 'live', 1])
  })

  test('one long poll follows the other, one at a time', async () => {
    const { server, settled, pass, clock } = await streamless()
    for (const place of [1, 2, 3]) {
      server.put(commitOf(`x${place}`, ['s1']))
      server.poll?.answer()
      await settled()
      await pass(0)
    }
    const polls = server.asked.filter((one) => one.includes('for'))
    expect(polls).toEqual(['pull 0 for 25 s', 'pull 1 for 25 s', 'pull 2 for 25 s', 'pull 3 for 25 s'])
    clock.after(25_000, () => server.poll?.answer())
    await pass(25_000)
    await pass(0)
    expect(server.asked.filter((one) => one.includes('for'))).toHaveLength(5)
  })

  test('a server that answers at once is asked now and then', async () => {
    const { server, settled, pass } = await streamless()
    server.poll?.answer()
    await settled()
    await pass(24_000)
    expect(server.asked.filter((one) => one.includes('for'))).toHaveLength(1)
    await pass(1_000)
    expect(server.asked.slice(3)).toEqual(['pull 0 for 25 s', 'pull 0', 'pull 0 for 25 s'])
  })

  test('a long poll that fails is made again now and then, and nothing else stops', async () => {
    const { server, settled, pass, pump, tab, link } = await streamless()
    server.poll?.fail(refused)
    await settled()
    expect(link().state).toBe('live')
    await tab.append(callOf('a', ['s1']))
    pump.nudge()
    await settled()
    expect(pendingIds(tab)).toEqual([])
    server.poll?.fail(refused)
    await settled()
    await pass(25_000)
    expect(server.asked.filter((one) => one.includes('for')).length).toBeGreaterThan(2)
  })

  test('the stream is tried again by the first exchange after five minutes', async () => {
    const running = await streamless()
    const { server, pass, pump, settled } = running
    await pass(290_000)
    pump.now()
    await settled()
    expect(lives(running)).toBe(1)
    await pass(10_000)
    server.poll?.fail(refused)
    await settled()
    await pass(25_000)
    expect(lives(running)).toBe(2)
    server.stream?.say({})
    await pass(600_000)
    expect(lives(running)).toBe(2)
  })

  test('the stream is tried again at once after a failure, which may have been what kept it away', async () => {
    const running = await streamless()
    const { server, pump, settled, link } = running
    server.pulls.push(() => {
      throw refused
    })
    pump.nudge()
    await settled()
    expect(link().state).toBe('waiting')
    server.poll?.fail(refused)
    pump.now()
    await settled()
    await running.pass(25_000)
    expect(lives(running)).toBe(2)
  })
})

describe('a page that is looked at again', () => {
  test('leaves a stream alone that is alive, and asks nothing', async () => {
    const running = await run()
    const { server, pump, settled, pass, tab } = running
    for (let times = 0; times < 10; times++) {
      await pass(15_000)
      server.stream?.say({})
      await pass(4_000)
      pump.awake()
      await settled()
    }
    expect(server.asked).toEqual(['pull 0', 'live'])
    server.stream?.say({ head: 1, page: server.put(commitOf('x', ['s1'])) })
    await settled()
    expect(tab.engine.view.confirmed.head.position).toBe(1)
  })

  test('gives a stream up that has been silent for longer than heartbeats are apart', async () => {
    const { server, pump, settled, pass } = await run()
    server.stream?.say({})
    await pass(20_001)
    pump.awake()
    await settled()
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0', 'live'])
  })

  test('ends a wait', async () => {
    const { server, pump, settled, link } = await run((server) => {
      server.pulls.push(() => {
        throw refused
      })
    })
    expect(link().state).toBe('waiting')
    pump.awake()
    await settled()
    expect([link().state, server.asked]).toEqual(['live', ['pull 0', 'pull 0', 'live']])
  })

  test('does not break off a request that was just made', async () => {
    let answer = (): void => {}
    const { server, pump, settled, pass } = await run()
    await pass(60_000)
    server.pulls.push(
      () =>
        new Promise((resolve) => {
          const { head } = server.log
          answer = () => resolve({ protocol: 1, status: 'page', after: head, commits: [], through: head, head: 0 })
        }),
    )
    pump.nudge()
    await settled()
    pump.awake()
    pump.now()
    await settled()
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0'])
    answer()
    await settled()
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0', 'pull 0'])
  })
})

describe('the network that is back', () => {
  test('leaves a stream alone that just gave a sign of life, and gives up one that did not', async () => {
    const { server, pump, settled, pass } = await run()
    await pass(60_000)
    server.stream?.say({})
    await pass(3_000)
    pump.now()
    await settled()
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0'])
    await pass(3_001)
    pump.now()
    await settled()
    expect(server.asked).toEqual(['pull 0', 'live', 'pull 0', 'pull 0', 'live'])
  })
})
