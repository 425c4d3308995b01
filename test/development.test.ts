// What an app is told while it is developed: `tidelog/development` is imported for all of this file.

import 'tidelog/development'
import { defineEvents, defineFor, defineLog, event, type, unwrap } from 'tidelog'
import { memoryLog } from 'tidelog/testing'
import { afterEach, expect, test } from 'vitest'

const events = defineEvents({ Counted: event(type<{ by: number }>(), { stream: () => 'count' }) })
const define = defineFor(events)
interface Count {
  sum: number
  readonly seen: number[]
}
const countBy = (name: string, take: (count: Count, by: number) => Count) =>
  define.projection<Count>({
    name,
    version: 1,
    initial: { sum: 0, seen: [] },
    scope: () => ({ query: {} }),
    on: { Counted: (count, { data }) => take(count, data.by) },
  })
const pure = countBy('pure', ({ sum, seen }, by) => ({ sum: sum + by, seen: [...seen, by] }))
const changing = countBy('changing', (count, by) => {
  count.sum += by
  return count
})
const deep = countBy('deep', (count, by) => {
  count.seen.push(by)
  return { ...count }
})
const random = countBy('random', ({ seen }) => ({ sum: Math.random(), seen }))
const counting = define.decider({
  name: 'counting',
  command: type<{ by: number }>(),
  scope: () => ({ stream: 'count' }),
  state: random,
  decide: (command) => [events.Counted(command)],
})
const model = defineLog({ name: 'counts', events, deciders: [counting] })

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})
async function openCounts() {
  const log = memoryLog(model)
  opened.push(log)
  unwrap(await log.append([events.Counted({ by: 1 }), events.Counted({ by: 2 })]))
  return log
}

test('a pure fold is as it is without', async () => {
  const log = await openCounts()
  const view = log.view(pure)
  expect(await view.ready).toEqual({ sum: 3, seen: [1, 2] })
  expect(Object.isFrozen(view.get().seen)).toBe(true)
})

test.each([
  ['changes its state', changing],
  ['changes what lies in its state', deep],
])('a handler that %s throws, and the definition stays as it was', async (_what, projection) => {
  const log = await openCounts()
  await expect(log.view(projection).ready).rejects.toThrow(TypeError)
  expect(projection.initial).toEqual({ sum: 0, seen: [] })
})

test('a handler that gives two states for one event is told by name', async () => {
  const log = await openCounts()
  await expect(log.view(random).ready).rejects.toMatchObject({
    code: 'tidelog/impure',
    message: expect.stringContaining('Counted'),
  })
})

test('a decider whose state is no function of its events decides nothing', async () => {
  const log = await openCounts()
  await expect(log.execute(counting, { by: 3 })).rejects.toMatchObject({
    code: 'tidelog/decider',
    message: expect.stringContaining('Counted'),
  })
  expect((await log.logHead()).confirmed).toBe(2)
})
