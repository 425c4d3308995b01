import { describe, expect, test } from 'vitest'
import type { WorkerApi } from '../protocol/worker.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { createConnection, type Opened, type Session } from './connection.ts'

/** Workers that can be killed, and calls that never answer by themselves. */
function workers() {
  const started: { readonly die: () => void; ended: boolean }[] = []
  const start = async (): Promise<Session> => {
    let die = (): void => {}
    const lost = new Promise<void>((resolve) => {
      die = resolve
    })
    const worker = { die, ended: false }
    started.push(worker)
    const api = { close: async () => {} } as Partial<WorkerApi> as WorkerApi
    return { api, opened: {} as Opened, lost, end: () => (worker.ended = true) }
  }
  return { started, start }
}
const clock = new VirtualClock()
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
const never = () => new Promise<never>(() => {})

describe('a call', () => {
  test('of a log that does not open has the code of what went wrong there', async () => {
    const crossed = Object.assign(new Error('no room'), { name: 'tidelog/storage-lost' })
    const { call } = createConnection(() => Promise.reject(crossed), clock)
    await expect(call(never)).rejects.toMatchObject({ code: 'tidelog/storage-lost', message: 'no room' })
  })

  test('of a worker that dies is made again on a new one, once', async () => {
    const { started, start } = workers()
    const { call } = createConnection(start, clock)
    let made = 0
    const calling = call(() => (++made === 1 ? never() : Promise.resolve('done')))
    await turn()
    started[0]?.die()
    expect([await calling, made, started.length]).toEqual(['done', 2, 2])
  })

  test('of a worker that dies twice rejects, and the next call starts another worker', async () => {
    const { started, start } = workers()
    const { call } = createConnection(start, clock)
    const calling = call(never).catch((error: unknown) => error)
    await turn()
    started[0]?.die()
    await turn()
    started[1]?.die()
    expect(await calling).toMatchObject({ code: 'tidelog/worker-lost' })
    expect(await call(async () => 'alive')).toBe('alive')
    expect(started).toHaveLength(3)
  })

  test('that the worker refuses rejects with its reason, and is not made again', async () => {
    const { call } = createConnection(workers().start, clock)
    let made = 0
    const refused = call(async () => {
      made += 1
      throw new Error('no')
    })
    await expect(refused).rejects.toThrow('no')
    expect(made).toBe(1)
  })

  test('is refused once the connection is closed, and the worker is ended', async () => {
    const { started, start } = workers()
    const { call, close } = createConnection(start, clock)
    await call(async () => 'x')
    await close()
    await expect(call(async () => 'y')).rejects.toMatchObject({ code: 'tidelog/log-closed' })
    expect(started.map(({ ended }) => ended)).toEqual([true])
  })

  test('of a worker that does not start rejects, and the next one starts another', async () => {
    const { start } = workers()
    let tries = 0
    const { call } = createConnection(() => (++tries === 1 ? Promise.reject(new Error('404')) : start()), clock)
    await expect(call(async () => 'x')).rejects.toThrow('404')
    expect(await call(async () => 'x')).toBe('x')
  })
})

describe('a worker that dies while nobody calls', () => {
  test('is followed by another one, for what runs by itself', async () => {
    const clock = new VirtualClock()
    const { started, start } = workers()
    const { call } = createConnection(start, clock)
    await call(async () => {})
    for (const nth of [0, 1]) {
      started[nth]?.die()
      await turn()
      expect(started).toHaveLength(nth + 1)
      await clock.pass(1_000)
      expect(started).toHaveLength(nth + 2)
    }
  })

  test('is not, once the log is closed', async () => {
    const clock = new VirtualClock()
    const { started, start } = workers()
    const { call, close } = createConnection(start, clock)
    await call(async () => {})
    started[0]?.die()
    await turn()
    await close()
    await clock.pass(2_000)
    expect(started).toHaveLength(1)
  })
})
