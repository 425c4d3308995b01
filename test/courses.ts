// Courses and their students, after the first example of dcb.events: small models that several decisions are made of.

import { defineEvents, defineFor, defineLog, event, refuse, type } from 'tidelog'

const subscription = type<{ course: string; student: string }>()
export const events = defineEvents({
  CourseDefined: event(type<{ course: string; capacity: number }>(), {
    stream: ({ course }) => `course-${course}`,
    tags: ['course'],
  }),
  CapacityChanged: event(type<{ course: string; capacity: number }>(), {
    stream: ({ course }) => `course-${course}`,
    tags: ['course'],
  }),
  Subscribed: event(subscription, { stream: () => 'subscriptions', tags: ['course', 'student'] }),
  // Goes where the decision says.
  Unsubscribed: event(subscription, { tags: ['course', 'student'] }),
  Told: event(type<{ state: string }>(), { stream: () => 'told' }),
})
const define = defineFor(events)

interface OfCourse {
  readonly course: string
}
interface OfStudent {
  readonly student: string
}
/** The seats of a course; none while there is no such course. */
export const capacity = define.projection<number | undefined, OfCourse>({
  name: 'capacity',
  version: 1,
  initial: undefined,
  scope: ({ course }) => ({ query: { types: ['CourseDefined', 'CapacityChanged'], tags: { course } } }),
  on: { CourseDefined: (_, { data }) => data.capacity, CapacityChanged: (_, { data }) => data.capacity },
})
const counting = {
  version: 1,
  initial: 0,
  on: { Subscribed: (count: number) => count + 1, Unsubscribed: (count: number) => count - 1 },
} as const
export const studentsIn = define.projection<number, OfCourse>({
  ...counting,
  name: 'students-in',
  scope: ({ course }) => ({ query: { types: ['Subscribed', 'Unsubscribed'], tags: { course } } }),
})
export const coursesOf = define.projection<number, OfStudent>({
  ...counting,
  name: 'courses-of',
  scope: ({ student }) => ({ query: { types: ['Subscribed', 'Unsubscribed'], tags: { student } } }),
})
export const isSubscribed = define.projection<boolean, OfCourse & OfStudent>({
  name: 'is-subscribed',
  version: 1,
  initial: false,
  // Both of them: what is in the stream, and matches.
  scope: (both) => ({ stream: 'subscriptions', query: { tags: both } }),
  on: { Subscribed: () => true, Unsubscribed: () => false },
})

/** Whom it was decided for, each time: `ann math`. */
export const decided: string[] = []
export const coursesMax = 2

export const subscribe = define.decider({
  name: 'subscribe',
  command: subscription,
  models: {
    capacity: [capacity, ({ course }) => ({ course })],
    students: [studentsIn, ({ course }) => ({ course })],
    courses: [coursesOf, ({ student }) => ({ student })],
  },
  decide: (command, { capacity, students, courses }) => {
    decided.push(`${command.student} ${command.course}`)
    if (capacity === undefined) return refuse('NoSuchCourse')
    if (students >= capacity) return refuse('CourseFull', { capacity })
    if (courses >= coursesMax) return refuse('TooManyCourses', { max: coursesMax })
    return [events.Subscribed(command)]
  },
})

/** Reads whether there is such a course, but is not decided again because its seats have changed. */
export const leave = define.decider({
  name: 'leave',
  command: subscription,
  models: {
    capacity: [capacity, ({ course }) => ({ course })],
    isSubscribed: [isSubscribed, ({ course, student }) => ({ course, student })],
  },
  scope: ({ course, student }) => ({
    stream: 'subscriptions',
    condition: { types: ['Subscribed', 'Unsubscribed'], tags: { course, student } },
  }),
  decide: (command, { capacity, isSubscribed }) => {
    decided.push(`${command.student} ${command.course}`)
    if (capacity === undefined) return refuse('NoSuchCourse')
    return isSubscribed ? [events.Unsubscribed(command)] : []
  },
})

/** Writes down what two students and a course come to; with one student both ways around. */
export const tell = define.decider({
  name: 'tell',
  command: type<{ first: string; second: string; course: string }>(),
  models: {
    first: [coursesOf, ({ first }) => ({ student: first })],
    second: [coursesOf, ({ second }) => ({ student: second })],
    both: [isSubscribed, ({ first, course }) => ({ student: first, course })],
    capacity: [capacity, ({ course }) => ({ course })],
    students: [studentsIn, ({ course }) => ({ course })],
  },
  decide: (_, state) => [events.Told({ state: JSON.stringify(state) })],
})

/** Who of two has more courses: the same is read whichever way around they are. */
export const compare = define.decider({
  name: 'compare',
  command: type<{ first: string; second: string }>(),
  models: {
    first: [coursesOf, ({ first }) => ({ student: first })],
    second: [coursesOf, ({ second }) => ({ student: second })],
  },
  decide: (_, state) => [events.Told({ state: JSON.stringify(state) })],
})

/** Reads all about a course; only a change of its capacity is in its way. */
export const resize = define.decider({
  name: 'resize',
  command: type<{ course: string; capacity: number }>(),
  scope: ({ course }) => ({
    query: { tags: { course } },
    condition: { types: ['CourseDefined', 'CapacityChanged'], tags: { course } },
  }),
  initial: 0,
  evolve: counting.on,
  decide: (command, students) => {
    decided.push(`resize ${command.course}`)
    return command.capacity < students ? refuse('TooSmall', { students }) : [events.CapacityChanged(command)]
  },
})

export const school = defineLog({ name: 'school', events, deciders: [subscribe, leave, tell, compare, resize] })
