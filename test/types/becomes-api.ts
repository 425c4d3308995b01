// What one old event becomes is checked against the log's facts, and what is retired is none of them any more.

import { defineEvents, defineFor, defineLog, event, openLog, type Recorded, retired, type } from 'tidelog'
import { z } from 'zod'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <T extends true>(_?: T): void => {}

interface Profile {
  readonly id: string
  readonly name: string
  readonly city: string | null
}
const nameChanged = event(type<{ id: string; name: string }>(), { tags: ['id'] })
const addressChanged = event(z.object({ id: z.string(), lines: z.array(z.string()) }), { tags: ['id'] })
const events = defineEvents({
  NameChanged: nameChanged,
  AddressChanged: addressChanged,
  ProfileChanged: retired(type<Profile>(), {
    becomes: ['NameChanged', 'AddressChanged'],
    of: ({ id, name, city }) => [
      { type: 'NameChanged', data: { id, name } },
      ...(city === null ? [] : [{ type: 'AddressChanged' as const, data: { id, lines: [city] } }]),
    ],
  }),
  Joined: event(type<{ id: string }>(), {
    version: 2,
    upcast: {
      1: {
        becomes: ['Joined', 'NameChanged'],
        of: (old: { id: string; name: string }, { stream }) => [
          { type: 'Joined', data: { id: old.id } },
          { type: 'NameChanged', data: { id: stream, name: old.name } },
        ],
      },
    },
  }),
  Pinged: retired(type<{ id: string }>(), { becomes: [], of: () => [] }),
})

// A retired type can't be appended, asked for or handled.
// @ts-expect-error retired
events.ProfileChanged
const define = defineFor(events)
define.projection<number>({ name: 'a', version: 1, initial: 0, on: { NameChanged: (n) => n + 1 } })
// @ts-expect-error retired
define.projection<number>({ name: 'a', version: 1, initial: 0, on: { ProfileChanged: (n: number) => n + 1 } })
const log = openLog(defineLog({ name: 'people', events }))
// @ts-expect-error retired
log.read({ query: { types: ['ProfileChanged'] } })
// @ts-expect-error retired
log.append('person-1', [{ type: 'ProfileChanged', data: { id: '1', name: 'Ann', city: null } }])
for await (const one of log.read()) {
  same<Equal<typeof one.type, 'NameChanged' | 'AddressChanged' | 'Joined'>>()
  same<Equal<typeof one.part, number | undefined>>()
}
type M = typeof events extends import('tidelog').Events<infer X extends import('tidelog').EventMap> ? X : never
same<Equal<Recorded<M, 'NameChanged'>['data'], { id: string; name: string }>>()

defineEvents({
  NameChanged: nameChanged,
  // @ts-expect-error no such event in this log
  ProfileChanged: retired(type<Profile>(), { becomes: ['Other'], of: () => [{ type: 'Other', data: {} }] }),
})
defineEvents({
  NameChanged: nameChanged,
  // @ts-expect-error its data has no name
  ProfileChanged: retired(type<Profile>(), {
    becomes: ['NameChanged'],
    of: ({ id }) => [{ type: 'NameChanged', data: { id } }],
  }),
})
defineEvents({
  NameChanged: nameChanged,
  // @ts-expect-error no such event in this log
  Joined: event(type<{ id: string }>(), {
    version: 2,
    upcast: { 1: { becomes: ['Other'], of: () => [{ type: 'Other', data: {} }] } },
  }),
})
defineEvents({
  NameChanged: nameChanged,
  AddressChanged: addressChanged,
  ProfileChanged: retired(type<Profile>(), {
    becomes: ['NameChanged'],
    // @ts-expect-error a type that is not declared
    of: ({ id }) => [{ type: 'AddressChanged', data: { id, lines: [] } }],
  }),
})
defineEvents({
  NameChanged: nameChanged,
  Joined: event(type<{ id: string }>(), {
    version: 2,
    // @ts-expect-error a type that is not declared
    upcast: { 1: { becomes: ['Joined'], of: () => [{ type: 'NameChanged', data: { id: '1', name: '' } }] } },
  }),
})
// Each step may make facts of its own.
defineEvents({
  NameChanged: nameChanged,
  Left: event(type<{ id: string }>()),
  Joined: event(type<{ id: string }>(), {
    version: 4,
    upcast: {
      1: {
        becomes: ['NameChanged'],
        of: ({ id }: { id: string }) => [{ type: 'NameChanged', data: { id, name: `a` } }],
      },
      2: (old: { id: string }) => old,
      3: {
        becomes: ['Left'],
        of: ({ id }: { id: string }, { stream }) => [{ type: 'Left', data: { id: `${stream} ${id}` } }],
      },
    },
  }),
})
