// What a decision rests on: several small models at once, or less than was read.

import { defineEvents, defineFor, defineLog, event, refuse, type, unwrap } from 'tidelog'
import { simulate } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { cart, define as defineShop, events as shopEvents } from './types/shop.ts'
import { added, created } from './world.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

const enrolment = type<{ course: string; student: string }>()
const events = defineEvents({
  CourseOpened: event(type<{ course: string; seats: number }>(), {
    stream: ({ course }) => `course-${course}`,
    tags: ['course'],
  }),
  CourseRenamed: event(type<{ course: string; title: string }>(), {
    stream: ({ course }) => `course-${course}`,
    tags: ['course'],
  }),
  Enrolled: event(enrolment, { stream: () => 'enrolments', tags: ['course', 'student'] }),
})
const define = defineFor(events)
type Counts = Readonly<Record<string, number>>
const oneMore = (counts: Counts, key: string): Counts => ({ ...counts, [key]: (counts[key] ?? 0) + 1 })

// Three small models. Each keeps its count by key: a handler is not told which course or student the command is about.
const seats = (state: Counts, { course, seats: count }: { course: string; seats: number }): Counts => ({
  ...state,
  [course]: count,
})
const inCourse = (state: Counts, { course }: { course: string }) => oneMore(state, course)
const ofStudent = (state: Counts, { student }: { student: string }) => oneMore(state, student)

/** How often it was decided for each student and course. */
const decided: string[] = []
const enrol = define.decider({
  name: 'enrol',
  command: enrolment,
  scope: ({ course, student }) => ({
    query: [
      { types: ['CourseOpened', 'Enrolled'], tags: { course } },
      { types: ['Enrolled'], tags: { student } },
    ],
  }),
  initial: { seats: {} as Counts, inCourse: {} as Counts, ofStudent: {} as Counts },
  evolve: {
    CourseOpened: (state, { data }) => ({ ...state, seats: seats(state.seats, data) }),
    Enrolled: (state, { data }) => ({
      ...state,
      inCourse: inCourse(state.inCourse, data),
      ofStudent: ofStudent(state.ofStudent, data),
    }),
  },
  decide: ({ course, student }, state) => {
    decided.push(`${student} ${course}`)
    if (state.seats[course] === undefined) return refuse('NoSuchCourse')
    if ((state.inCourse[course] ?? 0) >= state.seats[course]) return refuse('CourseFull')
    if ((state.ofStudent[student] ?? 0) >= 2) return refuse('TooManyCourses')
    return [events.Enrolled({ course, student })]
  },
})
const school = defineLog({ name: 'school', events, deciders: [enrol] })

/** Courses of two seats that both devices know; the second device is offline. */
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
  const [ann, bob] = world.devices
  const courses = ['math', 'art', 'music'].map((course) => events.CourseOpened({ course, seats: 2 }))
  unwrap(await ann.log.append(courses))
  await world.settle()
  bob.offline()
  conditions.length = 0
  decided.length = 0
  const back = async () => {
    await world.settle()
    bob.online()
    await world.settle()
  }
  return { ann: ann.log, bob: bob.log, back, conditions }
}

describe('a decision on several small models', () => {
  test('DCB-6 is refused for what any of them says, and only for that', async () => {
    const { ann } = await openSchool()
    const shortly = async (course: string, student: string) => {
      const outcome = await ann.execute(enrol, { course, student })
      return outcome.ok ? 'yes' : outcome.reason.type
    }
    const asked = ['math eve', 'math bob', 'math dan', 'art eve', 'music eve', 'art dan', 'chess dan', 'music dan']
    const answers: string[] = []
    for (const [course = '', student = ''] of asked.map((one) => one.split(' ')))
      answers.push(await shortly(course, student))
    expect(answers).toEqual(['yes', 'yes', 'CourseFull', 'yes', 'TooManyCourses', 'yes', 'NoSuchCourse', 'yes'])
  })

  test('DCB-6 travels with what all of them look at as its one condition', async () => {
    const { bob, back, conditions } = await openSchool()
    unwrap(await bob.execute(enrol, { course: 'math', student: 'eve' }))
    await back()
    expect(conditions).toEqual([
      {
        query: [
          { types: ['CourseOpened', 'Enrolled'], tags: ['course:math'] },
          { types: ['Enrolled'], tags: ['student:eve'] },
        ],
      },
    ])
  })

  test('DCB-6 is not decided again for what none of them looks at', async () => {
    const { ann, bob, back } = await openSchool()
    const { receipt, events: first } = unwrap(await bob.execute(enrol, { course: 'math', student: 'eve' }))
    unwrap(await ann.append([events.CourseRenamed({ course: 'math', title: 'Maths' })]))
    unwrap(await ann.execute(enrol, { course: 'art', student: 'dan' }))
    await back()
    expect(decided.filter((one) => one === 'eve math')).toHaveLength(1)
    expect(await bob.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 6 })
    expect((await ann.read({ query: { tags: { student: 'eve' } } }).all()).events.map(({ id }) => id)).toEqual(
      first.map(({ id }) => id),
    )
  })

  test.each([
    ['the course is full by then', ['math ann', 'math dan'], 'CourseFull'],
    ['the student has two courses by then', ['art eve', 'music eve'], 'TooManyCourses'],
  ])('DCB-6 is decided again, and refused, when %s', async (_, meanwhile, reason) => {
    const { ann, bob, back } = await openSchool()
    const { receipt } = unwrap(await bob.execute(enrol, { course: 'math', student: 'eve' }))
    for (const [course = '', student = ''] of meanwhile.map((one) => one.split(' ')))
      unwrap(await ann.execute(enrol, { course, student }))
    await back()
    expect(await bob.whenConfirmed(receipt)).toEqual({ status: 'refused', reason: { type: reason } })
    expect((await ann.read({ query: { types: ['Enrolled'] } }).all()).events).toHaveLength(2)
  })
})

describe('a condition that is narrower than what was read', () => {
  const submitted = (cartId: string) => shopEvents.CartSubmitted({ cartId, products: [], total: 0 })
  const shop = defineLog({ name: 'shop', events: shopEvents })
  async function openCart() {
    const world = simulate(shop, { devices: 2 })
    opened.push(world)
    const [ann, bob] = world.devices
    unwrap(await ann.log.append([created('c')]))
    await world.settle()
    bob.offline()
    // All of the cart is read; only its end is in the way of one more item.
    const { head } = await bob.log.read({ query: { tags: { cartId: 'c' } } }).all()
    const unlessSubmitted = {
      failIfEventsMatch: { types: ['CartSubmitted'], tags: { cartId: 'c' } },
      after: head,
    } as const
    const add = () => bob.log.append([added('c', 'mine')], unlessSubmitted)
    const back = async () => {
      await world.settle()
      bob.online()
      await world.settle()
    }
    return { ann: ann.log, bob: bob.log, tab: bob.openTab(), add, back }
  }

  test('DCB-6 is kept when something else that was read about has come, in another tab or from another device', async () => {
    const { ann, bob, tab, add, back } = await openCart()
    unwrap(await tab.append([added('c', 'tab')]))
    unwrap(await ann.append([added('c', 'ann'), submitted('d')]))
    const { receipt } = unwrap(await add())
    await back()
    expect(await bob.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 5 })
  })

  test('DCB-6 is refused for what it names: here at once, by the server when another device was first', async () => {
    const first = await openCart()
    unwrap(await first.tab.append([submitted('c')]))
    expect(await first.add()).toMatchObject({
      ok: false,
      reason: { type: 'ConditionConflict', events: [{ type: 'CartSubmitted' }] },
    })
    const second = await openCart()
    const { receipt } = unwrap(await second.add())
    unwrap(await second.ann.append([added('c', 'ann'), submitted('c')]))
    await second.back()
    const ended = await second.bob.whenConfirmed(receipt)
    expect(ended).toMatchObject({ status: 'conflict', events: [{ type: 'CartSubmitted' }] })
  })
})

describe('CART-B a cart', () => {
  interface Line {
    readonly itemId: string
    readonly productId: string
    readonly price: number
  }
  const submit = defineShop.decider({
    name: 'submit',
    command: type<{ cartId: string }>(),
    scope: ({ cartId }) => ({ query: { tags: { cartId } } }),
    initial: { lines: [] as readonly Line[], submitted: false },
    evolve: {
      ItemAdded: (state, { data }) => ({ ...state, lines: [...state.lines, data] }),
      ItemRemoved: (state, { data }) => ({
        ...state,
        lines: state.lines.filter(({ itemId }) => itemId !== data.itemId),
      }),
      CartSubmitted: (state) => ({ ...state, submitted: true }),
    },
    decide: ({ cartId }, { lines, submitted }) => {
      if (submitted) return []
      const products = lines.map(({ productId, price }) => ({ productId, price }))
      return [
        shopEvents.CartSubmitted({ cartId, products, total: products.reduce((sum, { price }) => sum + price, 0) }),
      ]
    },
  })
  const item = (itemId: string, productId: string, price: number) =>
    shopEvents.ItemAdded({ cartId: 'c', itemId, productId, price })
  const openShop = () => {
    const world = simulate(defineLog({ name: 'shop', events: shopEvents, deciders: [submit] }), { devices: 2 })
    opened.push(world)
    const [ann, bob] = world.devices
    return { world, ann, bob }
  }

  test('CART-B keeps the price of each of two items of one product, also when it is decided again', async () => {
    const { world, ann, bob } = openShop()
    unwrap(await ann.log.append([created('c'), item('1', 'rope', 10), item('2', 'rope', 12), item('3', 'lamp', 5)]))
    await world.settle()
    bob.offline()
    const { receipt, events: first } = unwrap(await bob.log.execute(submit, { cartId: 'c' }))
    const rope = (price: number) => ({ productId: 'rope', price })
    const lamp = { productId: 'lamp', price: 5 }
    expect(first).toMatchObject([{ data: { products: [rope(10), rope(12), lamp], total: 27 } }])
    unwrap(await ann.log.append('cart-c', [shopEvents.ItemRemoved({ cartId: 'c', itemId: '1' }), item('4', 'rope', 9)]))
    await world.settle()
    bob.online()
    await world.settle()
    expect(await ann.log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 7 })
    const { events: all } = await ann.log.read({ query: { types: ['CartSubmitted'] } }).all()
    expect(all.map(({ data }) => data)).toEqual([{ cartId: 'c', products: [rope(12), lamp, rope(9)], total: 26 }])
  })

  test('CART-B that is asked for what is so already answers ok without events, and nothing is written', async () => {
    const { world, ann } = openShop()
    ann.offline()
    unwrap(await ann.log.append([created('c'), item('1', 'rope', 10)]))
    unwrap(await ann.log.execute(submit, { cartId: 'c' }))
    for (const isConfirmed of [false, true]) {
      if (isConfirmed) ann.online()
      await world.settle()
      const before = await ann.log.logHead()
      const { receipt, events: none } = unwrap(await ann.log.execute(submit, { cartId: 'c' }))
      expect([none, receipt.versions]).toEqual([[], {}])
      expect(await ann.log.logHead()).toEqual(before)
      expect(await ann.log.whenConfirmed(receipt)).toEqual({ status: 'nothing-to-do' })
    }
  })

  test('CART-B is read as it is now in any tab, the moment an append has answered', async () => {
    const { ann } = openShop()
    ann.offline()
    const tab = ann.openTab()
    const view = tab.view(cart, { cartId: 'c' })
    await view.ready
    unwrap(await ann.log.append([created('c')]))
    for (let nth = 1; nth <= 5; nth++) {
      const { receipt } = unwrap(await ann.log.append([item(`${nth}`, 'rope', nth)]))
      expect((await tab.read({ query: { tags: { cartId: 'c' } } }).all()).events).toHaveLength(nth + 1)
      expect((await view.waitFor(receipt))?.items.map(({ price }) => price).at(-1)).toBe(nth)
    }
  })
})
