// Compiled by `npm run check` with the newest and the oldest supported TypeScript; every expected error must be one.

import {
  type CommandOf,
  defineDecider,
  defineEvents,
  defineFor,
  defineLog,
  event,
  type FactsOf,
  openLog,
  type RefusalsOf,
  refuse,
  type,
} from 'tidelog'
import { given } from 'tidelog/testing'
import { z } from 'zod'
import { cart } from './shop.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <T extends true>(_?: T): void => {}

const events = defineEvents({
  CourseOpened: event(type<{ course: string; seats: number }>(), { tags: ['course'] }),
  Enrolled: event(type<{ course: string; student: string }>(), { tags: ['course', 'student'] }),
})
const define = defineFor(events)
const seatsLeft = define.projection<{ left: number } | undefined, { course: string }>({
  name: 'seats-left',
  version: 1,
  initial: undefined,
  scope: ({ course }) => ({ query: { tags: { course } } }),
  on: { CourseOpened: (_, { data }) => ({ left: data.seats }) },
})
const coursesOf = define.projection<number, { student: string }>({
  name: 'courses-of',
  version: 1,
  initial: 0,
  scope: ({ student }) => ({ query: { types: ['Enrolled'], tags: { student } } }),
  on: { Enrolled: (count) => count + 1 },
})
const all = define.projection<number>({ name: 'all', version: 1, initial: 0, scope: () => ({ query: {} }), on: {} })
const command = z.object({ course: z.string(), student: z.string(), by: z.string().default('me') })

// The states of the models by name; the parameters of their scopes from the command.
const enrol = define.decider({
  name: 'enrol',
  command,
  models: {
    course: [seatsLeft, ({ course }) => ({ course })],
    student: [coursesOf, (asked) => ({ student: asked.student })],
    all: [all, () => {}],
  },
  decide: (asked, state) => {
    same<Equal<typeof asked, { course: string; student: string; by: string }>>()
    same<Equal<typeof state.course, { left: number } | undefined>>()
    same<Equal<typeof state.student, number>>()
    same<Equal<keyof typeof state, 'course' | 'student' | 'all'>>()
    return state.student > 3 ? refuse('TooManyCourses', { max: 3 }) : [events.Enrolled(asked)]
  },
})
same<Equal<CommandOf<typeof enrol>, { course: string; student: string; by?: string | undefined }>>()
same<Equal<RefusalsOf<typeof enrol>, { readonly type: 'TooManyCourses'; readonly data: { max: number } }>>()
same<Equal<FactsOf<typeof enrol>['type'], 'Enrolled'>>()
const log = openLog(defineLog({ name: 'school', events, deciders: [enrol] }))
const outcome = await log.execute(enrol, { course: 'math', student: 'ann' })
if (!outcome.ok && outcome.reason.type === 'TooManyCourses') same<Equal<typeof outcome.reason.data.max, number>>()
given(enrol, []).when({ course: 'math', student: 'ann' }).thenRefused('TooManyCourses', { max: 3 })

// Where the events go, and what must not have changed, may be said; what is read is said by the models.
const student = [coursesOf, (asked: { student: string }) => ({ student: asked.student })] as const
define.decider({
  name: 'scoped',
  command,
  models: { student },
  scope: ({ course }) => ({ stream: `course-${course}`, condition: { types: ['Enrolled'], tags: { course } } }),
  decide: () => [],
})
// @ts-expect-error a query beside models
define.decider({ name: 'bad', command, models: { student }, scope: () => ({ query: {} }), decide: () => [] })
define.decider({
  name: 'bad',
  command,
  models: { student },
  // @ts-expect-error no such tag in the condition
  scope: (asked) => ({ condition: { tags: { corse: asked.course } } }),
  decide: () => [],
})

// Misuse.
// @ts-expect-error other parameters than the scope takes
define.decider({ name: 'bad', command, models: { it: [coursesOf, (c) => ({ pupil: c.student })] }, decide: () => [] })
// @ts-expect-error a parameter of another type
define.decider({ name: 'bad', command, models: { it: [coursesOf, () => ({ student: 1 })] }, decide: () => [] })
// @ts-expect-error not in the command
define.decider({ name: 'bad', command, models: { it: [coursesOf, (c) => ({ student: c.pupil })] }, decide: () => [] })
// @ts-expect-error without parameters
define.decider({ name: 'bad', command, models: { it: [coursesOf] }, decide: () => [] })
// @ts-expect-error a projection by itself
define.decider({ name: 'bad', command, models: { it: coursesOf }, decide: () => [] })
// @ts-expect-error a projection of another log
define.decider({ name: 'bad', command, models: { it: [cart, (c) => ({ cartId: c.course })] }, decide: () => [] })
// @ts-expect-error no such model
define.decider({ name: 'bad', command, models: { student }, decide: (_, { course }) => (course ? [] : []) })
// @ts-expect-error a state beside models
define.decider({ name: 'bad', command, models: { student }, state: all, decide: () => [] })
// @ts-expect-error a fold beside models
define.decider({ name: 'bad', command, models: { student }, initial: {}, evolve: {}, decide: () => [] })
// @ts-expect-error not an event of this log
define.decider({ name: 'bad', command, models: { student }, decide: () => [{ type: 'Nope', data: 1 }] })

// A condition that is narrower than what is read.
const plain = { name: 'plain', command, initial: 0, evolve: {}, decide: () => [] } as const
defineDecider(events, { ...plain, scope: () => ({ stream: 's', condition: { types: ['Enrolled'] } }) })
defineDecider(events, {
  ...plain,
  scope: ({ course }) => ({ query: { tags: { course } }, condition: [{ types: ['Enrolled'] }] }),
})
// @ts-expect-error no such type in the condition
defineDecider(events, { ...plain, scope: () => ({ stream: 's', condition: { types: ['Enroled'] } }) })
// @ts-expect-error a condition, but nothing that is read
defineDecider(events, { ...plain, scope: () => ({ condition: { types: ['Enrolled'] } }) })
