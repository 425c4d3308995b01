// What runs by itself next to the data: each effect once, whatever happens to the processes.
import { defineLog, unwrap } from 'tidelog'
import { type AnyAutomation, defineReactor, defineTask, tasksOf } from 'tidelog/automation'
import type { LogStore } from 'tidelog/server'
import { openServerLog, type ServerLogOptions } from 'tidelog/server/log'
import { checkpointOf, consumersOf, listFailures, retryFailures, subscribe } from 'tidelog/subscribe'
import { describe, expect, test } from 'vitest'
import { KeptLog, keptLogName } from './kept-log.ts'
import { events, office, placed, ship } from './office.fixture.ts'
import { keptParts, type StoreKind, stage, storeKinds, waitFor } from './stage.fixture.ts'

const wide = { commitsMax: 100_000, bytesMax: 100_000_000 }

function opening(kind: StoreKind) {
  const { store, closing } = stage(kind)
  const open = (automations: readonly AnyAutomation[] = [], options: Partial<ServerLogOptions<never>> = {}) => {
    const model = defineLog({ ...office, automations })
    const log = openServerLog(model, { store: store(), ...(options as object) })
    closing.unshift(log.close)
    return log
  }
  return { store, open }
}
type Open = ReturnType<ReturnType<typeof opening>['open']>

/** Answers each order with a letter, and counts how often it is asked to. */
const letters = (asked: string[] = []) =>
  defineReactor(events, {
    name: 'letters',
    on: 'server',
    query: { types: ['Placed'] },
    react: ({ data: { order } }) => {
      asked.push(order)
      return [events.Letter({ order })]
    },
  })
const lettersIn = async (log: Open) =>
  (await log.read({ query: { types: ['Letter'] } }).all()).events.map(({ data }) => data.order)
const orders = (from: number, count: number) => Array.from({ length: count }, (_, at) => `${from + at}`)
const place = async (log: Open, all: readonly string[]) => {
  for (const order of all) unwrap(await log.append([placed(order)]))
}

describe.each(storeKinds)('over %s', (kind) => {
  const { store, open } = opening(kind)

  test('two processes run one reactor: one of them works, and each effect is there once', async () => {
    const [one, other]: [string[], string[]] = [[], []]
    const logs = [open([letters(one)]), open([letters(other)])] as const
    await Promise.all([place(logs[0], orders(0, 20)), place(logs[1], orders(20, 20))])
    await waitFor(async () => expect(await lettersIn(logs[0])).toHaveLength(40))
    expect([...(await lettersIn(logs[1]))].sort()).toEqual(orders(0, 40).sort())
    expect(Math.min(one.length, other.length)).toBe(0)
    expect(one.length + other.length).toBe(40)
    const [letter] = (await logs[0].read({ query: { types: ['Letter'] } }).all()).events
    const [trigger] = (await logs[0].read({ query: { types: ['Placed'] } }).all()).events
    expect(letter?.metadata).toMatchObject({ causationId: trigger?.id })
  })
  test('the process that stood by goes on where the other one was closed, with nothing twice and nothing left out', async () => {
    const [one, other]: [string[], string[]] = [[], []]
    const first = open([letters(one)])
    await place(first, orders(0, 10))
    await waitFor(async () => expect(await lettersIn(first)).toHaveLength(10))
    const second = open([letters(other)])
    await second.ready
    await first.close()
    await place(second, orders(10, 10))
    await waitFor(async () => expect(await lettersIn(second)).toHaveLength(20))
    expect([one, other]).toEqual([orders(0, 10), orders(10, 10)])
  })
  test('a reactor that is set back to the start appends nothing again', async () => {
    const asked: string[] = []
    const first = open([letters(asked)])
    await place(first, orders(0, 5))
    await waitFor(async () => expect(await lettersIn(first)).toHaveLength(5))
    await first.close()
    const quiet = open()
    await checkpointOf(quiet, 'reactor/letters').reset(0)
    await quiet.close()
    const again = open([letters(asked)])
    await waitFor(() => expect(asked).toHaveLength(10))
    await place(again, ['5'])
    await waitFor(async () => expect(await lettersIn(again)).toEqual(orders(0, 6)))
  })
  test('what a reactor can not handle is parked, the rest goes on, and another process has it tried again', async () => {
    let isBroken = true
    const shaky = defineReactor(events, {
      name: 'letters',
      on: 'server',
      query: { types: ['Placed'] },
      retry: 0,
      react: ({ data: { order } }) => {
        if (order === '1' && isBroken) throw new Error('no paper')
        return [events.Letter({ order })]
      },
    })
    const [log, operator] = [open([shaky]), open()]
    await place(log, ['0', '1', '2'])
    await waitFor(async () => expect(await lettersIn(log)).toEqual(['0', '2']))
    await waitFor(async () =>
      expect(await listFailures(operator)).toMatchObject([
        { consumer: 'reactor/letters', position: 2, status: 'parked', message: 'no paper' },
      ]),
    )
    isBroken = false
    expect(await retryFailures(operator, 'reactor/letters')).toBe(1)
    await waitFor(async () => expect(await lettersIn(operator)).toEqual(['0', '2', '1']))
    await waitFor(async () => expect(await listFailures(operator)).toEqual([]))
  })
  test('of the checkpoints of a reactor only the last one is kept, however many events it answers', async () => {
    const log = open([letters()])
    for (let round = 0; round < 5; round++) {
      unwrap(await log.append(orders(round * 20, 20).map((order) => placed(order))))
      await waitFor(async () => expect(await lettersIn(log)).toHaveLength((round + 1) * 20))
      await waitFor(async () => expect(await checkpointOf(log, 'reactor/letters').get()).toBe((round + 1) * 40))
    }
    await log.close()
    const kept = new KeptLog({ ...keptParts, store: store() })
    expect(await kept.list('consumer/')).toHaveLength(1)
    expect(await kept.list('lock/')).toEqual([])
    expect(await kept.list('runner/')).toEqual([])
  })
  test('a reactor has a decider decide, once for each event', async () => {
    const shipping = defineReactor(events, {
      name: 'shipping',
      on: 'server',
      query: { types: ['Placed'] },
      react: ({ data: { order } }, { execute }) => execute(ship, { order }),
    })
    const logs = [open([shipping]), open([shipping])] as const
    await place(logs[0], ['0', '1', '1'])
    await waitFor(async () =>
      expect((await logs[1].read({ query: { types: ['Shipped'] } }).all()).events).toHaveLength(2),
    )
  })
  test('what runs on the device whose commit it is does not run here', async () => {
    const asked: string[] = []
    const own = defineReactor(events, {
      name: 'own',
      on: 'origin',
      react: ({ id }) => void asked.push(id),
    })
    const log = open([own, letters()])
    await place(log, ['0'])
    await waitFor(async () => expect(await lettersIn(log)).toEqual(['0']))
    expect(asked).toEqual([])
    expect(
      consumersOf(log)
        .get()
        .map(({ name }) => name),
    ).toEqual(['reactor/letters'])
  })
  test('a named subscription goes on where it was, in one process at a time', async () => {
    const seen: string[] = []
    const follow = (log: Open, whenTaken: 'wait' | 'fail' = 'wait') =>
      subscribe(
        log,
        { name: 'mail', query: { types: ['Placed'] }, whenTaken },
        ({ data }) => void seen.push(data.order),
      )
    const [one, other] = [open(), open()]
    await place(one, ['0', '1'])
    // The process goes on to hold another lock.
    subscribe(one, { name: 'other' }, () => {})
    const first = follow(one)
    await waitFor(() => expect(seen).toEqual(['0', '1']))
    expect(await follow(other, 'fail').ended).toMatchObject({
      reason: 'failed',
      error: { code: 'tidelog/consumer-taken' },
    })
    await expect(checkpointOf(other, 'mail').reset(0)).rejects.toMatchObject({ code: 'tidelog/consumer-taken' })
    const second = follow(other)
    await first.stop()
    await place(other, ['2'])
    await waitFor(() => expect(seen).toEqual(['0', '1', '2']))
    expect(second.status.get().checkpoint).toBeGreaterThanOrEqual(2)
  })
  test('a log that is closed ends its subscriptions, those that run and those that wait for their turn', async () => {
    const [one, other] = [open(), open()]
    await place(one, ['0'])
    const endings = [one, other, one].map(
      (log, nth) => subscribe(log, nth === 2 ? {} : { name: 'mail' }, () => {}).ended,
    )
    const follower = subscribe(other, { pending: true }, () => {})
    await waitFor(() =>
      expect(
        consumersOf(one)
          .get()
          .map(({ state }) => state),
      ).toEqual(['live', 'live']),
    )
    await Promise.all([one.close(), other.close()])
    expect(await Promise.all(endings)).toEqual(Array(3).fill({ reason: 'closed' }))
    await follower.stop()
    await expect(one.append([placed('1')])).rejects.toMatchObject({ code: 'tidelog/log-closed' })
  })
  test('a consumer keeps a state of its own with its checkpoint', async () => {
    const sum = (log: Open) =>
      subscribe(log, { name: 'sum', to: 'head', query: { types: ['Placed'] } }, async ({ data }, { state }) => {
        state.set('sum', Number((await state.get('sum')) ?? 0) + data.amount)
      })
    const log = open()
    await place(log, orders(0, 3))
    expect(await sum(log).ended).toEqual({ reason: 'head-reached' })
    await place(log, orders(0, 2))
    const other = open()
    await sum(other).ended
    expect(await checkpointOf(log, 'sum').state('sum')).toBe(5)
  })
  test('what is kept stays small, and is read from where it was written anew', async () => {
    const log = open()
    const name = keptLogName('office')
    const count = 700
    let done = 0
    const subscription = subscribe(log, { name: 'each', checkpoint: { events: 1 } }, async (_, { state }) => {
      state.set('last', { done: ++done, words: 'x'.repeat(500) })
    })
    unwrap(await log.append(orders(0, count).map((order) => placed(order))))
    await waitFor(() => expect(subscription.status.get().checkpoint).toBe(count))
    await subscription.stop()
    const { commits } = await store().range(name, 0, wide)
    expect(commits.length).toBeGreaterThan(count)
    expect(commits.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(count * 500)
    let read = 0
    const range: LogStore['range'] = async (...args) => {
      const page = await store().range(...args)
      if (args[0] === name) read += page.commits.length
      return page
    }
    const other = open([], { store: { ...store(), range } } as never)
    expect(await checkpointOf(other, 'each').get()).toBe(count)
    expect(await checkpointOf(other, 'each').state('last')).toMatchObject({ done: count })
    expect(read).toBeLessThan(300)
  }, 60_000)
})

describe.each(storeKinds)('the publisher, over %s', (kind) => {
  const { open } = opening(kind)
  const tries = 3
  /** Brings a letter to an office that is not always open. */
  const publishing = (publish: (order: string, key: string) => Promise<void> | void, more: object = {}) =>
    defineTask(events, {
      name: 'publish',
      on: 'server',
      query: { types: ['Placed'] },
      plan: ({ data: { order } }) => ({ input: { order } }),
      run: async ({ order }, { key }) => {
        await publish(order, key)
        return [events.Letter({ order })]
      },
      failed: ({ order }, { message }) => [events.Noted({ order, words: message })],
      attempts: tries,
      retryMs: 10,
      ...more,
    })

  test('publishes each order once, tries again what fails, gives up with a fact, and goes on', async () => {
    const asked: string[] = []
    const publish = (order: string) => {
      asked.push(order)
      if (order === '1' && asked.filter((one) => one === '1').length === 1) throw new Error('busy')
      if (order === '2') throw new Error('closed')
    }
    const logs = [open([publishing(publish)]), open([publishing(publish)])] as const
    await place(logs[0], orders(0, 5))
    await waitFor(async () => expect([...(await lettersIn(logs[1]))].sort()).toEqual(['0', '1', '3', '4']))
    await waitFor(async () => {
      const noted = (await logs[0].read({ query: { types: ['Noted'] } }).all()).events
      expect(noted.map(({ data }) => data)).toEqual([{ order: '2', words: 'closed' }])
    })
    expect([...asked].sort()).toEqual(['0', '1', '1', '2', '2', '2', '3', '4'])
    const tasks = tasksOf(logs[1])
    await waitFor(async () =>
      expect((await tasks.list()).map(({ status }) => status).sort()).toEqual([
        'done',
        'done',
        'done',
        'done',
        'failed',
      ]),
    )
    const failed = (await tasks.list()).find(({ status }) => status === 'failed')
    expect(failed).toMatchObject({ input: { order: '2' }, attempts: tries, message: 'closed' })
    tasks.close()
  })
  test('a task is cancelled from another process', async () => {
    let signalled = false
    const hanging = defineTask(events, {
      name: 'publish',
      on: 'server',
      query: { types: ['Placed'] },
      plan: ({ data: { order } }) => ({ input: { order } }),
      run: (_, { signal }) =>
        new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => {
            signalled = true
            resolve()
          }),
        ),
    })
    const [log, operator] = [open([hanging]), open()]
    await place(log, ['0'])
    const tasks = tasksOf(operator)
    await waitFor(async () => expect(await tasks.list()).toMatchObject([{ status: 'running' }]))
    expect(await tasks.cancel(tasks.get()[0]?.id ?? '')).toBe(true)
    await waitFor(() => expect(signalled).toBe(true))
    expect(await tasks.list()).toMatchObject([{ status: 'cancelled' }])
    tasks.close()
  })
})
