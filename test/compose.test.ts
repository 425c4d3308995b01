// Several small models that make one decision, and a condition that is narrower than what they read.

import fc from 'fast-check'
import { defineFor, defineLog, type Events, isTidelogError, type Recorded, type, unwrap } from 'tidelog'
import { given, past, simulate } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { compare, coursesMax, coursesOf, decided, events, leave, resize, school, subscribe, tell } from './courses.ts'
import { repeated } from './runs.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

const define = defineFor(events)
const course = (name: string, capacity: number) => events.CourseDefined({ course: name, capacity })
const subscribed = (student: string, name: string) => events.Subscribed({ student, course: name })
const ann = (name: string) => ({ student: 'ann', course: name })

describe('the courses of dcb.events', () => {
  test('DCB-6 a student gets a seat while the course has one and the student may have one more', () => {
    const full = [course('math', 2), subscribed('bob', 'math'), subscribed('eve', 'math')]
    given(subscribe, [course('math', 2), subscribed('bob', 'math')])
      .when(ann('math'))
      .then([subscribed('ann', 'math')])
    given(subscribe, full).when(ann('math')).thenRefused('CourseFull', { capacity: 2 })
    given(subscribe, [...full, events.CapacityChanged({ course: 'math', capacity: 3 })])
      .when(ann('math'))
      .then([subscribed('ann', 'math')])
    given(subscribe, [course('math', 2), subscribed('ann', 'art'), subscribed('ann', 'music')])
      .when(ann('math'))
      .thenRefused('TooManyCourses', { max: coursesMax })
    given(subscribe, [course('art', 2)])
      .when(ann('math'))
      .thenRefused('NoSuchCourse')
  })

  test('DCB-6 what was decided is what the next decision sees', () => {
    given(subscribe, [course('math', 1)])
      .when(ann('math'))
      .when({ student: 'bob', course: 'math' })
      .thenRefused('CourseFull')
  })

  test('a part whose scope is a stream and a query folds what is in the stream and matches', () => {
    const moved = { stream: 'elsewhere', events: [subscribed('ann', 'math')] }
    given(leave, [course('math', 2), moved])
      .when(ann('math'))
      .thenNothing()
    given(leave, [course('math', 2), subscribed('ann', 'math')])
      .when(ann('math'))
      .then([{ stream: 'subscriptions', events: [events.Unsubscribed(ann('math'))] }])
  })

  test('what no build knows is in the way where a part looks for it, and nowhere else', () => {
    const paused = past('Paused', {}, { stream: 'subscriptions', tags: ['student:ann', 'course:math'] })
    given(leave, [course('math', 2), paused])
      .when(ann('math'))
      .thenUpdateNeeded('Paused')
    given(leave, [course('art', 2), paused])
      .when(ann('art'))
      .thenNothing()
    given(subscribe, [course('math', 2), paused])
      .when(ann('math'))
      .then([subscribed('ann', 'math')])
  })
})

/** A school that both devices know; the second device is offline. */
async function openSchool() {
  const conditions: unknown[] = []
  const world = simulate(school, {
    devices: 2,
    serve: async (request, next) => {
      if (request.method === 'POST')
        for (const { condition } of (await request.clone().json()).commits) conditions.push(condition)
      return next(request)
    },
  })
  opened.push(world)
  const [here, there] = world.devices
  unwrap(await here.log.append([course('math', 2), course('art', 2), course('music', 2)]))
  await world.settle()
  there.offline()
  conditions.length = 0
  decided.length = 0
  const back = async () => {
    await world.settle()
    there.online()
    await world.settle()
  }
  return { here: here.log, there: there.log, away: () => there.offline(), back, conditions }
}
const countOf = (one: string): number => decided.filter((asked) => asked === one).length

describe('a decision on several models', () => {
  test('DCB-6 travels with the union of what they look at, each part of it once', async () => {
    const { there, back, conditions } = await openSchool()
    unwrap(await there.execute(subscribe, ann('math')))
    unwrap(await there.execute(tell, { first: 'ann', second: 'ann', course: 'math' }))
    await back()
    const counted = (tag: string) => ({ types: ['Subscribed', 'Unsubscribed'], tags: [tag] })
    const seats = { types: ['CourseDefined', 'CapacityChanged'], tags: ['course:math'] }
    expect(conditions).toEqual([
      { query: [seats, counted('course:math'), counted('student:ann')] },
      { streams: ['subscriptions'], query: [counted('student:ann'), seats, counted('course:math')] },
    ])
  })

  test('DCB-6 is not decided again for what none of them looks at', async () => {
    const { here, there, back } = await openSchool()
    const { receipt } = unwrap(await there.execute(subscribe, ann('math')))
    unwrap(await here.execute(subscribe, { student: 'bob', course: 'art' }))
    unwrap(await here.append([events.CapacityChanged({ course: 'art', capacity: 9 })]))
    await back()
    expect(countOf('ann math')).toBe(1)
    expect(await there.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 6 })
  })

  test.each([
    ['the first', [events.CapacityChanged({ course: 'math', capacity: 0 })], 'CourseFull'],
    ['the second', [subscribed('bob', 'math'), subscribed('eve', 'math')], 'CourseFull'],
    ['the third', [subscribed('ann', 'art'), subscribed('ann', 'music')], 'TooManyCourses'],
  ])('DCB-6 is decided again, and refused, for what %s of them alone looks at', async (_, meanwhile, reason) => {
    const { here, there, back } = await openSchool()
    const { receipt } = unwrap(await there.execute(subscribe, ann('math')))
    unwrap(await here.append(meanwhile))
    await back()
    expect(countOf('ann math')).toBe(2)
    expect(await there.whenConfirmed(receipt)).toMatchObject({ status: 'refused', reason: { type: reason } })
  })

  test('DCB-6 keeps its content when it comes out the same', async () => {
    const { here, there, back } = await openSchool()
    const { receipt, events: first } = unwrap(await there.execute(subscribe, ann('math')))
    unwrap(await here.append([subscribed('bob', 'math')]))
    await back()
    expect(countOf('ann math')).toBe(2)
    expect(await there.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 5 })
    const { events: all } = await here.read({ query: { tags: { student: 'ann' } } }).all()
    expect(all.map(({ id }) => id)).toEqual(first.map(({ id }) => id))
  })

  test('sees the same model under two parameters as two, whichever way around they are', async () => {
    const { here } = await openSchool()
    unwrap(await here.append([subscribed('ann', 'math'), subscribed('ann', 'art'), subscribed('bob', 'art')]))
    const told = async (first: string, second: string) =>
      unwrap(await here.execute(compare, { first, second })).events[0]?.data.state
    expect(await told('ann', 'bob')).toBe('{"first":2,"second":1}')
    expect(await told('bob', 'ann')).toBe('{"first":1,"second":2}')
    expect(await told('bob', 'bob')).toBe('{"first":1,"second":1}')
    unwrap(await here.append([subscribed('bob', 'music')]))
    expect(await told('ann', 'bob')).toBe('{"first":2,"second":2}')
  })
})

describe('a condition that is narrower than what is read', () => {
  test('DCB-6 is what travels, and what is written to and read does not', async () => {
    const { here, there, back, conditions } = await openSchool()
    unwrap(await here.append([subscribed('ann', 'math')]))
    await back()
    conditions.length = 0
    unwrap(await there.execute(leave, ann('math')))
    unwrap(await there.execute(resize, { course: 'math', capacity: 5 }))
    await back()
    expect(conditions).toEqual([
      { query: [{ types: ['Subscribed', 'Unsubscribed'], tags: ['course:math', 'student:ann'] }] },
      { query: [{ types: ['CourseDefined', 'CapacityChanged'], tags: ['course:math'] }] },
    ])
  })

  test('DCB-6 a change of what was read, but is not in it, does not decide again: several models', async () => {
    const { here, there, back } = await openSchool()
    unwrap(await there.append([subscribed('ann', 'math')]))
    const { receipt } = unwrap(await there.execute(leave, ann('math')))
    unwrap(await here.append([events.CapacityChanged({ course: 'math', capacity: 0 }), subscribed('bob', 'math')]))
    await back()
    expect(countOf('ann math')).toBe(1)
    expect(await there.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 7 })
  })

  test('DCB-6 a change of what is in it decides again, on all that is read: several models', async () => {
    const { here, there, away, back } = await openSchool()
    unwrap(await here.append([subscribed('ann', 'math')]))
    await back()
    away()
    const { receipt } = unwrap(await there.execute(leave, ann('math')))
    unwrap(await here.execute(leave, ann('math')))
    await back()
    expect(await there.whenConfirmed(receipt)).toEqual({ status: 'nothing-to-do' })
  })

  test('DCB-6 holds for a decision on one scope as well: more students are let pass, other seats are looked at', async () => {
    const { here, there, back } = await openSchool()
    const first = unwrap(await there.execute(resize, { course: 'math', capacity: 1 }))
    const second = unwrap(await there.execute(resize, { course: 'art', capacity: 1 }))
    unwrap(await here.append([subscribed('bob', 'math'), subscribed('eve', 'math')]))
    unwrap(await here.append([subscribed('bob', 'art'), subscribed('eve', 'art')]))
    unwrap(await here.append([events.CapacityChanged({ course: 'art', capacity: 3 })]))
    await back()
    expect([countOf('resize math'), countOf('resize art')]).toEqual([1, 2])
    expect(await there.whenConfirmed(first.receipt)).toMatchObject({ status: 'confirmed' })
    const refused = { status: 'refused', reason: { type: 'TooSmall', data: { students: 2 } } }
    expect(await there.whenConfirmed(second.receipt)).toEqual(refused)
  })

  test('the scope of a decision that is misspelt, or reads beside its models, can not be decided on; nothing is written', async () => {
    const models = { it: [coursesOf, () => ({ student: 'ann' })] } as const
    const scopes: readonly (readonly [said: RegExp, scope: object])[] = [
      [/conditon/, { stream: 's', conditon: {} }],
      [/query/, { query: {}, models: true }],
      [/query items/, { stream: 's', condition: [] }],
      [/query items/, { condition: [], models: true }],
      [/stream name/, { stream: '', models: true }],
    ]
    for (const [said, { models: hasModels, ...scope }] of scopes as [RegExp, { models?: boolean }][]) {
      const rest = { name: 'odd', command: type<object>(), scope: () => scope as never, decide: () => [] }
      const odd = hasModels
        ? define.decider({ ...rest, models })
        : define.decider({ ...rest, initial: undefined, evolve: {} })
      const world = simulate(defineLog({ name: 'odd', events, deciders: [odd] }), { devices: 1 })
      opened.push(world)
      const asked = world.devices[0].log.execute(odd, {})
      await expect(asked).rejects.toMatchObject({ name: 'tidelog/decider', message: expect.stringMatching(said) })
      expect((await world.devices[0].log.logHead()).marker.revision).toBe(0)
    }
  })
})

test('refuses definitions that no decision can be made on', () => {
  const { scope: _, ...unscoped } = coursesOf
  const params = () => ({ student: 'ann' })
  const rest = { name: 'bad', command: type<object>(), decide: () => [] }
  const wrong: readonly (readonly [said: RegExp, def: object])[] = [
    [/models\.it can't be "without a scope"/, { models: { it: [unscoped, params] } }],
    [/models\.it can't be "without a scope"/, { models: { it: [coursesOf] } }],
    [/models\.it can't be "without a scope"/, { models: { it: coursesOf } }],
    [/models\.it can't be "without a scope"/, { models: { it: undefined } }],
    [/a handler can't be "Nope"/, { models: { it: [{ ...coursesOf, on: { Nope: () => 0 } }, params] } }],
    [/a state can't be "given twice"/, { models: { it: [coursesOf, params] }, state: coursesOf }],
    [/a state can't be "given twice"/, { models: { it: [coursesOf, params] }, initial: 0, evolve: {} }],
    [/a state can't be "missing"/, { models: {} }],
    [/a state can't be "missing"/, { scope: () => ({ stream: 's' }) }],
  ]
  for (const [said, def] of wrong) {
    let thrown: unknown
    try {
      define.decider({ ...rest, ...def } as never)
    } catch (error) {
      thrown = error
    }
    expect([isTidelogError(thrown, 'tidelog/argument'), (thrown as Error)?.message]).toEqual([
      true,
      expect.stringMatching(said),
    ])
  }
})

describe('a model in the hands of a test', () => {
  const oddly = (on: object) =>
    define.decider({
      name: 'oddly',
      command: type<object>(),
      models: { it: [{ ...coursesOf, initial: { count: 0 } as never, on }, () => ({ student: 'ann' })] },
      decide: () => [],
    })

  test('fails it when a handler is not pure, or throws', () => {
    let calls = 0
    const impure = oddly({ Subscribed: () => ++calls })
    expect(() => given(impure, [subscribed('ann', 'math')]).when({})).toThrow(/Subscribed of courses-of is not pure/)
    const changing = oddly({
      Subscribed: (state: { count: number }) => {
        state.count = 1
        return state
      },
    })
    expect(() => given(changing, [subscribed('ann', 'math')]).when({})).toThrow(/Subscribed of courses-of/)
  })
})

type Happened = typeof events extends Events<infer M> ? Recorded<M> : never
interface Told {
  readonly first: string
  readonly second: string
  readonly course: string
}
/** What the models of `tell` come to, by hand, in one pass over the whole log. */
function foldByHand(log: readonly Happened[], { first, second, course: name }: Told): object {
  const state: { first: number; second: number; both: boolean; capacity?: number; students: number } = {
    first: 0,
    second: 0,
    both: false,
    students: 0,
  }
  for (const { type, stream, data } of log)
    if (type === 'Subscribed' || type === 'Unsubscribed') {
      const change = type === 'Subscribed' ? 1 : -1
      if (data.student === first) state.first += change
      if (data.student === second) state.second += change
      if (data.course === name) state.students += change
      if (data.student === first && data.course === name && stream === 'subscriptions') state.both = change === 1
    } else if (type !== 'Told' && data.course === name) state.capacity = data.capacity
  return state
}

const student = fc.constantFrom('ann', 'bob')
const name = fc.constantFrom('math', 'art')
const seats = fc.nat(5)
const step = fc.oneof(
  fc.record({ do: fc.constantFrom('CourseDefined', 'CapacityChanged'), course: name, capacity: seats }),
  fc.record({
    do: fc.constantFrom('Subscribed', 'Unsubscribed'),
    course: name,
    student,
    stream: fc.constantFrom('subscriptions', 'subscriptions', 'elsewhere'),
  }),
  fc.record({ do: fc.constant('tell'), first: student, second: student, course: name }),
  fc.record({ do: fc.constantFrom('settle', 'offline', 'online') }),
)

const { numRuns, timeout } = repeated(process.env.TIDELOG_WHOLE === '1' ? 30 : 15, 60_000)

test(
  'DCB-6 several models come to what one fold by hand comes to: confirmed, pending, in one tick and when decided again',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { maxLength: 8 }), async (ticks) => {
        const world = simulate(school, { devices: 2 })
        try {
          const [here, there] = world.devices
          const asked = new Map<string, Told>()
          let isOffline = false
          for (const [nth, tick] of ticks.entries()) {
            const does = (what: string) => tick.some((one) => one.do === what)
            const { log } = nth % 2 === 1 ? there : here
            if (does('online')) there.online()
            else if (does('offline')) {
              // What is half way in would be decided on later.
              await world.settle()
              there.offline()
            }
            isOffline = !does('online') && (isOffline || does('offline'))
            const recording: Promise<unknown>[] = []
            for (const one of tick)
              if ('first' in one)
                recording.push(log.execute(tell, one).then((told) => asked.set(unwrap(told).receipt.commitId, one)))
              else if ('student' in one) {
                const data = { course: one.course, student: one.student }
                const make = one.do === 'Subscribed' ? events.Subscribed : events.Unsubscribed
                recording.push(log.append(one.stream, [make(data)]).then(unwrap))
              } else if ('capacity' in one) {
                const make = one.do === 'CourseDefined' ? events.CourseDefined : events.CapacityChanged
                recording.push(log.append([make(one)]).then(unwrap))
              }
            await Promise.all(recording)
            if (does('settle')) await world.settle()
            if (does('settle')) mustBeAsByHand((await here.log.read().all()).events, asked)
            // Nothing comes in here: what is pending was decided on what stands before it.
            if (isOffline) mustBeAsByHand((await there.log.read().all()).events, asked)
          }
          there.online()
          await world.settle()
          const { events: all } = await here.log.read().all()
          expect((await there.log.read().all()).events.map(({ id }) => id)).toEqual(all.map(({ id }) => id))
          expect(all.filter(({ type }) => type === 'Told')).toHaveLength(asked.size)
          mustBeAsByHand(all, asked)
        } finally {
          await world.close()
        }
      }),
      { numRuns },
    )
  },
  timeout,
)

/** Each told state is that of what stands before it in the log. */
function mustBeAsByHand(all: readonly Happened[], asked: ReadonlyMap<string, Told>): void {
  for (const [at, event] of all.entries()) {
    const command = asked.get(event.commitId)
    if (event.type !== 'Told' || command === undefined) continue
    expect(JSON.parse(event.data.state)).toEqual(foldByHand(all.slice(0, at), command))
  }
}
