// An app before and after it was found that one of its events was several: over one log.

import { defineEvents, defineFor, defineLog, event, refuse, retired, type } from 'tidelog'
import { z } from 'zod'

interface Profile {
  readonly id: string
  readonly name?: string
  readonly city?: string
}
const id = type<{ id: string }>()
const options = { stream: ({ id }: { readonly id: string }) => `person-${id}`, tags: ['id'] } as const

/** What it appended once. */
export const before = defineEvents({
  Joined: event(type<{ id: string; name: string }>(), options),
  ProfileChanged: event(type<Profile>(), options),
  Pinged: event(id, options),
  NameChanged: event(type<{ id: string; name: string }>(), options),
  Left: event(id, options),
})
export const oldApp = defineLog({ name: 'people', events: before })

/** What it appends today. A profile becomes a change of its name, one of its city, both or none. */
export const events = defineEvents({
  Joined: event(id, {
    ...options,
    version: 2,
    upcast: {
      1: {
        becomes: ['Joined', 'NameChanged'],
        of: ({ id, name }: { id: string; name: string }) => [
          { type: 'Joined', data: { id } },
          { type: 'NameChanged', data: { id, name } },
        ],
      },
    },
  }),
  NameChanged: event(z.object({ id: z.string(), name: z.string().min(1) }), options),
  CityChanged: event(z.object({ id: z.string(), city: z.string(), since: z.string().default('ever') }), options),
  Left: event(id, options),
  ProfileChanged: retired(type<Profile>(), {
    becomes: ['NameChanged', 'CityChanged'],
    of: ({ id, name, city }) => [
      ...(name === undefined ? [] : [{ type: 'NameChanged' as const, data: { id, name } }]),
      ...(city === undefined ? [] : [{ type: 'CityChanged' as const, data: { id, city } }]),
    ],
  }),
  Pinged: retired(id, { becomes: [], of: () => [] }),
})
const define = defineFor(events)

export const names = define.projection<readonly string[]>({
  name: 'names',
  version: 1,
  initial: [],
  scope: () => ({ query: { types: ['NameChanged'] } }),
  on: {
    NameChanged: (all, { data }) => [...all, data.name],
    // Not asked for, so they must never come.
    CityChanged: () => ['torn'],
    Joined: () => [],
  },
})
export const cities = define.projection<readonly string[], { id: string }>({
  name: 'cities',
  version: 1,
  initial: [],
  scope: ({ id }) => ({ query: { types: ['CityChanged'], tags: { id } } }),
  on: { CityChanged: (all, { data }) => [...all, data.city] },
})
/** All that was folded, in its order. */
export const story = define.projection<readonly string[]>({
  name: 'story',
  version: 1,
  initial: [],
  on: {
    Joined: (all, { data }) => [...all, `${data.id} joined`],
    NameChanged: (all, { data }) => [...all, `${data.id} is ${data.name}`],
    CityChanged: (all, { data }) => [...all, `${data.id} in ${data.city} since ${data.since}`],
    Left: (all, { data }) => [...all, `${data.id} left`],
  },
})

const command = type<{ id: string; name: string }>()
/** A name is taken once, whoever had it. */
export const rename = define.decider({
  name: 'rename',
  command,
  scope: () => ({ query: { types: ['NameChanged'] } }),
  state: names,
  decide: ({ id, name }, taken) =>
    taken.includes(name) ? refuse('Taken', { by: taken.length }) : [events.NameChanged({ id, name })],
})
/** The same on models of their own, with a condition that names less than is read. */
export const move = define.decider({
  name: 'move',
  command: type<{ id: string; city: string }>(),
  models: {
    names: [names, () => undefined],
    cities: [cities, ({ id }) => ({ id })],
  },
  scope: ({ id }) => ({ condition: { types: ['CityChanged'], tags: { id } } }),
  decide: ({ id, city }, state) =>
    state.cities.at(-1) === city
      ? refuse('There', { cities: state.cities.length, names: state.names.length })
      : [events.CityChanged({ id, city, since: 'today' })],
})
export const people = define.readModel<{ names: readonly string[]; cities: readonly string[] }>({
  name: 'people',
  version: 1,
  query: { types: ['NameChanged', 'CityChanged'] },
  ids: ({ data }) => data.id,
  on: {
    NameChanged: (row = { names: [], cities: [] }, { data }) => ({ ...row, names: [...row.names, data.name] }),
    CityChanged: (row = { names: [], cities: [] }, { data }) => ({ ...row, cities: [...row.cities, data.city] }),
  },
  indexes: { city: ({ cities }) => cities.slice(-1) },
})
export const newApp = defineLog({ name: 'people', events, deciders: [rename, move] })

export const profile = (id: string, name?: string, city?: string) =>
  before.ProfileChanged({ id, ...(name !== undefined && { name }), ...(city !== undefined && { city }) })
