// What a hostile device may write where an app looks: names and data that mean something to the language. All of it is kept
// as it is or refused by the server; none of it changes an object that it was not written into.

import fc from 'fast-check'
import { defineEvents, defineFor, defineLog, event, type } from 'tidelog'
import { createSyncHandler, type LogStore, memoryStore } from 'tidelog/server'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { sealedCommits } from '../server/segments.fixture.ts'
import type { Commit } from '../src/core/commit.ts'
import { repeated } from './runs.ts'
import { Browser, Network } from './tabs.ts'

const events = defineEvents({ Noted: event(type<unknown>()), __defineSetter__: event(type<unknown>()) })
const define = defineFor(events)
const counted = define.projection<Readonly<Record<string, number>>>({
  name: 'counted',
  version: 1,
  initial: {},
  scope: () => ({ query: {} }),
  on: { Noted: (counts) => ({ ...counts, noted: (counts.noted ?? 0) + 1 }) },
})
const model = defineLog({ name: 'notes', events })

const { numRuns, timeout } = repeated(30, 60_000)
const headers = { 'tidelog-protocol': '1', 'content-type': 'application/json' }
const names = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__', 'toJSON'],
  ...[
    'then',
    'length',
    '0',
    '-1',
    'NaN',
    'Infinity',
    'null',
    'undefined',
    '',
    ' ',
    '\u2028',
    '\ud800',
    '$where',
    '../x',
  ],
]
const key = fc.oneof(fc.constantFrom(...names), fc.string({ unit: 'binary', maxLength: 8 }))
const name = fc.oneof(
  fc.constantFrom(...names.filter((text) => text !== '')),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
)
/** JSON text, so that a key may be `__proto__` and stand there twice. */
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.jsonValue({ maxDepth: 1 }).map((value) => JSON.stringify(value)),
    fc.constantFrom(
      '1e308',
      '-0',
      '1e-400',
      '12345678901234567890',
      '"\\ud800"',
      '"\\u0000"',
      '{"__proto__":{"polluted":1}}',
    ),
    fc.array(tie('json'), { maxLength: 3 }).map((all) => `[${all.join()}]`),
    fc
      .array(fc.tuple(key, tie('json')), { maxLength: 4 })
      .map((all) => `{${all.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`),
  ),
}))
const hostile = fc.record({ type: name, stream: name, tag: name, id: name, data: json, metadata: name })

/** All that every object has. */
const builtIns = [Object, Array, Function, String, Number, Map, Promise].map(({ prototype }) => prototype as object)
const shape = (): string =>
  JSON.stringify(
    builtIns.map((one) =>
      Reflect.ownKeys(one).map((own) => [String(own), typeof Object.getOwnPropertyDescriptor(one, own)?.value]),
    ),
  )
const before = shape()

let network: Network
let store: LogStore
let handler: ReturnType<typeof createSyncHandler>
beforeEach(() => {
  network = new Network(model)
  store = memoryStore()
  handler = createSyncHandler({ store, model, clock: network.clock })
})
afterEach(async () => {
  handler.stop()
  await network.close()
  expect(shape()).toBe(before)
  expect(Object.keys({})).toEqual([])
})

interface Hostile {
  readonly type: string
  readonly stream: string
  readonly tag: string
  readonly id: string
  readonly data: string
  readonly metadata: string
}
const textOf = ({ type, stream, tag, id, data, metadata }: Hostile, at: number): string => {
  const said = (value: unknown): string => JSON.stringify(value)
  const event = `{"type":${said(type)},"stream":${said(stream)},"tags":[${said(`k:${tag}`)}],"data":${data}}`
  return `{"id":${said(`${id}${at}`)},"contentId":${said(`${id}${at}.p`)},"time":"t","events":[${event}],"metadata":{${said(metadata)}:"x"}}`
}
/** What the server says of each; a commit at a time, so that none is held behind another. */
async function push(all: readonly Hostile[]): Promise<readonly string[]> {
  const verdicts: string[] = []
  for (const [at, one] of all.entries()) {
    const seen = await store.head('notes')
    const body = `{"protocol":1,"seen":${JSON.stringify(seen)},"commits":[${textOf(one, at)}]}`
    const response = await handler(new Request('http://server.test/sync/notes/push', { method: 'POST', headers, body }))
    const answer: { readonly verdicts?: readonly { readonly verdict: string }[] } = await response.json()
    verdicts.push(answer.verdicts?.[0]?.verdict ?? `${response.status}`)
  }
  return verdicts
}
/** The order of members within data matters here, that of a commit's own does not. */
const inOrder = ({ id, contentId, time, events, metadata }: Commit): string =>
  JSON.stringify([id, contentId, time, events, metadata])
const kept = (all: readonly Hostile[], verdicts: readonly string[]): readonly Hostile[] =>
  all.filter((_, at) => verdicts[at] === 'accepted')

describe('names and data that mean something to the language', () => {
  test(
    'are kept as they are on the server and on a device, or refused, and change nothing else',
    async () => {
      let keptCount = 0
      await fc.assert(
        fc.asyncProperty(fc.array(hostile, { minLength: 3, maxLength: 8 }), fc.boolean(), async (all, isSealed) => {
          store = memoryStore()
          // Half of them are sealed into files as well, which is another form.
          const limits = isSealed ? { segmentEvents: 1, segmentBehind: 0 } : {}
          const own = createSyncHandler({ store, model, clock: network.clock, limits })
          handler = own
          const verdicts = await push(all)
          for (const verdict of verdicts) expect(['accepted', 'rejected', '400']).toContain(verdict)
          const there = kept(all, verdicts)
          keptCount += there.length
          // Packing takes the machine's own time, beside that of the simulation.
          const sealedOf = async () => {
            await network.pass(100)
            return sealedCommits(own, 'notes')
          }
          if (isSealed) await vi.waitFor(async () => expect(await sealedOf()).toHaveLength(there.length), 20_000)
          const sealed = await sealedOf()
          const { commits } = await store.range('notes', 0, { commitsMax: 9, bytesMax: 1e9 })
          expect(sealed.map(({ commit }) => inOrder(commit))).toEqual(
            isSealed ? commits.map(({ text }) => inOrder(JSON.parse(text))) : [],
          )

          const log = new Browser(network, (request) => own(request), false).openTab(model)
          const view = log.view(counted)
          await network.pass(10_000)
          const read = log.read({ unknown: 'yield' }).all()
          await network.pass(10)
          const { events: found } = await read
          const shown = found.map((one) => ({
            type: one.type === '$unknown' ? one.originalType : one.type,
            stream: one.stream,
            tags: one.tags,
            data: JSON.stringify(one.data),
            metadata: JSON.stringify(one.metadata),
          }))
          expect(shown).toEqual(
            there.map(({ type, stream, tag, data, metadata }) => ({
              type,
              stream,
              tags: [`k:${tag}`],
              data: JSON.stringify(JSON.parse(data)),
              metadata: metadata === 'actor' ? '{}' : `{${JSON.stringify(metadata)}:"x"}`,
            })),
          )
          const noted = there.filter(({ type }) => type === 'Noted').length
          expect(view.get()).toEqual(noted === 0 ? {} : { noted })
          for (const { stream, tag } of there) {
            const inStream = log.read({ stream, unknown: 'yield' }).all()
            const byTag = log.read({ query: { tags: { k: tag } }, unknown: 'yield' } as never).all()
            await network.pass(10)
            expect((await inStream).events).toHaveLength(there.filter((one) => one.stream === stream).length)
            expect((await byTag).events).toHaveLength(there.filter((one) => one.tag === tag).length)
          }
          const closing = log.close()
          await network.pass(1_000)
          await closing
          own.stop()
          expect(shape()).toBe(before)
        }),
        { numRuns },
      )
      expect(keptCount).toBeGreaterThan(20)
    },
    timeout,
  )

  test('make no event of a type that the model has not, and call nothing that every object has', async () => {
    const types = ['toString', 'valueOf', '__proto__', 'hasOwnProperty', '__defineGetter__', 'isPrototypeOf']
    const all = types.map((type) => ({ type, stream: 's', tag: '1', id: type, data: '"x"', metadata: 'm' }))
    expect(await push(all)).toEqual(types.map(() => 'accepted'))
    const log = new Browser(network, (request) => handler(request), false).openTab(model)
    const view = log.view(counted)
    await network.pass(10_000)
    const read = log.read({ unknown: 'yield' }).all()
    await network.pass(10)
    expect((await read).events.map((one) => [one.type, one.type === '$unknown' && one.originalType])).toEqual(
      types.map((type) => ['$unknown', type]),
    )
    expect(view.get()).toEqual({})
  })

  test('may be what an app itself writes: it is synced and read as it was', async () => {
    const log = new Browser(network, (request) => handler(request), false).openTab(model)
    const view = log.view(counted)
    const data: unknown = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"toString":3}',
    )
    const appending = log.append([{ stream: '__proto__', events: [events.Noted(data), events.__defineSetter__(data)] }])
    await network.pass(10_000)
    expect(await appending).toMatchObject({ ok: true })
    // A known type whose handler every object seems to have.
    expect(view.get()).toEqual({ noted: 1 })
    const { commits } = await store.range('notes', 0, { commitsMax: 9, bytesMax: 1e6 })
    expect(
      commits.map(({ text }) => JSON.parse(text).events.map((one: { data: unknown }) => JSON.stringify(one.data))),
    ).toEqual([[JSON.stringify(data), JSON.stringify(data)]])
    const read = log.read({ stream: '__proto__' }).all()
    await network.pass(10)
    expect((await read).events.map((one) => [one.type, one.version, JSON.stringify(one.data)])).toEqual([
      ['Noted', 1, JSON.stringify(data)],
      ['__defineSetter__', 2, JSON.stringify(data)],
    ])
  })

  test('are refused where JSON has them and no reader could take them', async () => {
    const one = { type: 'Noted', stream: 's', tag: '1', id: 'A', data: '1', metadata: 'm' }
    const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    const verdicts = await push([
      { ...one, data: '1e999' },
      { ...one, data: '{"a":[-1e999]}' },
      { ...one, data: deep(200) },
      { ...one, data: deep(201) },
      { ...one, id: '\u0000' },
      { ...one, id: '\ud800' },
      { ...one, stream: 'x'.repeat(513) },
      { ...one, data: '{"a":1,"a":2}' },
    ])
    expect(verdicts).toEqual([
      ...['rejected', 'rejected', 'accepted', 'rejected', 'rejected', 'rejected', 'rejected', 'accepted'],
    ])
    const { commits } = await store.range('notes', 1, { commitsMax: 9, bytesMax: 1e6 })
    expect(JSON.parse(commits[0]?.text ?? '').events[0].data).toEqual({ a: 2 })
  })
})
