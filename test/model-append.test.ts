// What an append expects and what it answers, at the edges, through the public entries.

import { isTidelogError, unwrap } from 'tidelog'
import { afterEach, describe, expect, test } from 'vitest'
import { events } from './types/shop.ts'
import { added, created, readAll, type ShopLog, type ShopWorld, shopWorld } from './world.ts'

let world: ShopWorld
afterEach(() => world.close())
/** Two devices; the second one is offline. */
function open() {
  world = shopWorld({ devices: 2 })
  const [ann, bob] = world.devices
  if (ann === undefined || bob === undefined) throw new Error('two devices are wanted')
  bob.offline()
  return { ann, bob, log: ann.log }
}
const removed = (itemId: string) => events.ItemRemoved({ cartId: 'c', itemId })
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** The type of a refusal, or `kept`. */
async function shortly(appending: ReturnType<ShopLog['append']> | Promise<Refusable>): Promise<string> {
  const outcome: Refusable = await appending
  return outcome.ok ? 'kept' : outcome.reason.type
}
type Refusable = { readonly ok: true } | { readonly ok: false; readonly reason: { readonly type: string } }

/** What a misuse says; anything else is told as it is. */
async function misuseOf(use: () => unknown): Promise<string> {
  try {
    return `was taken: ${JSON.stringify(await use())}`
  } catch (error) {
    return isTidelogError(error, 'tidelog/argument') ? error.message : `is no misuse: ${error}`
  }
}

describe('what an append expects', () => {
  test('TS-11 of each stream of a commit is its own, and one that fails keeps all of it out', async () => {
    const { log } = open()
    unwrap(await log.append('old', [removed('1'), removed('2')]))
    const both = (old: number | 'exists', fresh: number | 'exists') =>
      log.append([
        { stream: 'old', events: [removed('3')], expectedVersion: old },
        { stream: 'new', events: [removed('4')], expectedVersion: fresh },
        { stream: 'any', events: [removed('5')] },
      ])
    const versions = async () =>
      Promise.all(['old', 'new', 'any'].map(async (stream) => (await log.streamHead(stream)).version))
    for (const [old, fresh, stream] of [
      [1, 0, 'old'],
      [0, 0, 'old'],
      [2, 1, 'new'],
      [2, 'exists', 'new'],
      ['exists', 'exists', 'new'],
    ] as const) {
      expect(await both(old, fresh)).toMatchObject({ ok: false, reason: { type: 'VersionConflict', stream } })
      expect(await versions()).toEqual([2, 0, 0])
    }
    expect(unwrap(await both('exists', 0)).receipt.versions).toEqual({ old: 3, new: 1, any: 1 })
    expect(await shortly(both(3, 'exists'))).toBe('kept')
    expect(await versions()).toEqual([4, 2, 2])
  })

  test('TS-11 of a stream that nothing is written to is checked all the same', async () => {
    const { log } = open()
    const unless = (expectedVersion: number | 'exists') =>
      log.append([
        { stream: 'guard', events: [], expectedVersion },
        { stream: 'work', events: [removed('1')] },
      ])
    const conflict = { ok: false, reason: { type: 'VersionConflict', stream: 'guard', actual: 0 } }
    expect(await unless(1)).toMatchObject(conflict)
    expect(await unless('exists')).toMatchObject(conflict)
    expect(unwrap(await unless(0)).receipt.versions).toEqual({ work: 1 })
    unwrap(await log.append('guard', [removed('2')]))
    expect(await shortly(unless(0))).toBe('VersionConflict')
  })

  test('TS-11 is met by what stands before it in the same tick, in order, whichever call brought it', async () => {
    const { log } = open()
    const outcomes = await Promise.all([
      log.append('s', [removed('1')], { expectedVersion: 0 }),
      log.append('s', [removed('2')], { expectedVersion: 0 }),
      log.append('s', [removed('3'), removed('4')], { expectedVersion: 1 }),
      log.append('s', [removed('5')], { expectedVersion: 1 }),
      log.append('s', [removed('6')], { expectedVersion: 3 }),
      log.append('s', [removed('7')], { expectedVersion: 'exists' }),
    ])
    expect(await Promise.all(outcomes.map(async (outcome) => shortly(Promise.resolve(outcome))))).toEqual([
      'kept',
      'VersionConflict',
      'kept',
      'VersionConflict',
      'kept',
      'kept',
    ])
    const items = (await readAll(log)).map(({ data }) => 'itemId' in data && data.itemId)
    expect(items).toEqual(['1', '3', '4', '6', '7'])
  })
})

describe('AE-1 names of streams and numbers', () => {
  const odd = [
    '__proto__',
    'constructor',
    ' ',
    's',
    ' s',
    's ',
    'S',
    's\n',
    '\0',
    '..',
    '%2F',
    '/',
    '*',
    '😀',
    '\ud83d',
  ]
  const twins = ['é', 'e\u0301', 'x'.repeat(511), 'x'.repeat(512)]

  test('AE-1 that look alike or odd are told apart on this device and on another one', async () => {
    const { ann, bob } = open()
    const streams = [...odd, ...twins]
    for (const stream of streams) {
      const { receipt } = unwrap(await ann.log.append(stream, [removed('1'), removed('2')], { expectedVersion: 0 }))
      expect(receipt.versions).toEqual(Object.fromEntries([[stream, 2]]))
    }
    bob.online()
    await world.settle()
    for (const { log } of [ann, bob])
      for (const stream of streams) {
        expect(await log.streamHead(stream)).toEqual({ version: 2, confirmed: 2 })
        const { events: found } = await log.read({ stream }).all()
        expect(found.map((one) => [one.stream, one.version])).toEqual([
          [stream, 1],
          [stream, 2],
        ])
      }
  })

  test('AE-1 that make no sense are argument errors that say what is wrong, wherever they are given; nothing is written', async () => {
    const { log } = open()
    const facts = [removed('1')]
    const wrong: readonly (readonly [said: RegExp, use: () => unknown])[] = [
      [/stream name can't be ""/, () => log.append('', facts)],
      [/stream name can't be ""/, () => log.append([{ stream: '', events: facts }])],
      // An item that is removed goes to no stream of its own.
      [/stream name can't be ""/, () => log.append(facts)],
      [/stream name can't be ""/, () => log.streamHead('')],
      [/stream name can't be ""/, () => log.read({ stream: '' }).all()],
      [/stream name can't be "x/, () => log.append('x'.repeat(513), facts)],
      [/stream name can't be "x/, () => log.streamHead('x'.repeat(513))],
      [/expectedVersion can't be -1/, () => log.append('s', facts, { expectedVersion: -1 })],
      [/expectedVersion can't be 9007199254740992/, () => log.append('s', facts, { expectedVersion: 2 ** 53 })],
      [/expectedVersion can't be "latest"/, () => log.append('s', facts, { expectedVersion: 'latest' as never })],
      [/expectedVersion/, () => log.append('s', facts, { expectedVersion: 1n as never })],
      [/expectedVersion can't be -1/, () => log.append([{ stream: 's', events: facts, expectedVersion: -1 }])],
      // One version can't be meant for two streams, nor two for one.
      [/expectedVersion/, () => log.append([created('a'), created('b')], { expectedVersion: 0 })],
      [
        /stream s has more than one expectedVersion/,
        () =>
          log.append([
            { stream: 's', events: facts, expectedVersion: 0 },
            { stream: 's', events: facts, expectedVersion: 1 },
          ]),
      ],
    ]
    for (const [said, use] of wrong) expect(await misuseOf(use)).toMatch(said)
    expect((await log.logHead()).marker.revision).toBe(0)
  })

  test('AE-1 a conflict says in words what was expected and what was found', async () => {
    const { log } = open()
    unwrap(await log.append('s', [removed('1'), removed('2')]))
    const said = async (stream: string, expectedVersion: number | 'exists') => {
      const outcome = await log.append(stream, [removed('3')], { expectedVersion })
      return outcome.ok ? 'kept' : outcome.reason.message
    }
    expect(await said('s', 0)).toBe('stream s is at version 2, not at 0')
    expect(await said('s', Number.MAX_SAFE_INTEGER)).toBe('stream s is at version 2, not at 9007199254740991')
    expect(await said('t', 'exists')).toBe('stream t does not exist')
  })
})

describe('AE-4 the last version of a stream', () => {
  test('AE-4 is right in every tab as soon as another has written, also when no notice comes, and when it is taken back', async () => {
    const { ann } = open()
    ann.offline()
    const tabs = [ann.log, ann.openTab(), ann.openTab()]
    await Promise.all(tabs.map((tab) => tab.ready))
    ann.loseNotices(() => true)
    const inAll = async () => new Set(await Promise.all(tabs.map(async (tab) => (await tab.streamHead('s')).version)))
    const commitIds: string[] = []
    for (let turn = 0; turn < 12; turn++) {
      const tab = tabs[turn % 3] ?? ann.log
      commitIds.push(unwrap(await tab.append('s', [removed(`${turn}`)])).receipt.commitId)
      unwrap(await tab.append('beside', [removed('x'), removed('y')]))
      expect(await inAll()).toEqual(new Set([turn + 1]))
    }
    for (const [gone, commitId] of commitIds.slice(0, 3).entries()) {
      expect(await tabs[gone]?.withdraw({ commitId })).toMatchObject({ ok: true })
      expect(await inAll()).toEqual(new Set([11 - gone]))
    }
    ann.loseNotices(() => false)
    ann.online()
    await world.settle()
    for (const tab of tabs) expect(await tab.streamHead('s')).toEqual({ version: 9, confirmed: 9 })
  })
})

describe('an append under an id of its own', () => {
  test('AE-10 answers what it answered, in this tick, in another tab, when it is confirmed, and when its condition no longer holds', async () => {
    const { ann, log } = open()
    const facts = [created('c'), added('c', '1')]
    const once = (to: ShopLog) => to.append(facts, { commitId: 'mine', expectedVersion: 0 })
    const [first, twin] = await Promise.all([once(log), once(log)])
    const { events: recorded, receipt } = unwrap(first)
    const mustBeTheSame = async (again: ReturnType<typeof once>): Promise<void> => {
      const answer = unwrap(await again)
      expect([answer.receipt.commitId, answer.receipt.versions]).toEqual(['mine', receipt.versions])
      const unplaced = answer.events.map((event) => ({ ...event, position: undefined }))
      expect(plain(unplaced)).toEqual(plain(recorded))
    }
    await mustBeTheSame(Promise.resolve(twin))
    await mustBeTheSame(once(log))
    await mustBeTheSame(once(ann.openTab()))
    unwrap(await log.append([added('c', '2')]))
    await mustBeTheSame(once(log))
    await world.settle()
    await mustBeTheSame(once(log))
    await mustBeTheSame(once(ann.openTab()))
    expect(await readAll(log)).toHaveLength(3)
  })

  test('AE-10 is refused when the id has other content, order or streams here; what is here stays', async () => {
    const { ann, log } = open()
    ann.offline()
    unwrap(await log.append('s', [removed('1'), removed('2')], { commitId: 'mine' }))
    const mustBeTaken = async () => {
      for (const [stream, facts] of [
        ['s', [removed('1')]],
        ['s', [removed('2'), removed('1')]],
        ['s', [removed('1'), removed('3')]],
        ['s', [removed('1'), removed('2'), removed('3')]],
        ['t', [removed('1'), removed('2')]],
      ] as const)
        expect(await log.append(stream, facts, { commitId: 'mine' })).toMatchObject({
          ok: false,
          reason: { type: 'IdTaken', commitId: 'mine', message: expect.any(String) },
        })
    }
    await mustBeTaken()
    ann.online()
    await world.settle()
    await mustBeTaken()
    expect((await readAll(log)).map(({ data }) => 'itemId' in data && data.itemId)).toEqual(['1', '2'])
  })
})

test('CART-B to append nothing is misuse in each of its forms, and writes nothing', async () => {
  const { log } = open()
  for (const use of [
    () => log.append([]),
    () => log.append('s', []),
    () => log.append('s', [], { expectedVersion: 0 }),
    () => log.append([{ stream: 's', events: [] }]),
    () => log.append([{ stream: 's', events: [], expectedVersion: 0 }]),
    () => log.append([], { commitId: 'mine', failIfEventsMatch: {} }),
  ])
    expect(await misuseOf(use)).toBe(`events can't be "none"`)
  expect((await log.logHead()).marker.revision).toBe(0)
  expect(await shortly(log.append([created('c')], { commitId: 'mine' }))).toBe('kept')
})

describe('a kind of aggregate', () => {
  test('TS-12 that is missing is told from one that is empty by now, and from another kind with its id', async () => {
    const { ann, log } = open()
    expect([await log.streamHead('cart-1'), (await log.read({ stream: 'cart-1' }).all()).events]).toEqual([
      { version: 0, confirmed: 0 },
      [],
    ])
    unwrap(await log.append([created('1'), added('1', 'i')], { expectedVersion: 0 }))
    unwrap(await log.append('cart-1', [events.CartCleared({ cartId: '1' })], { expectedVersion: 'exists' }))
    unwrap(await log.append('order-1', [removed('i')], { expectedVersion: 0 }))
    for (const isConfirmed of [false, true]) {
      if (isConfirmed) await world.settle()
      for (const to of [log, ann.openTab()]) {
        expect(await to.streamHead('cart-1')).toMatchObject({ version: 3 })
        expect(await to.streamHead('order-1')).toMatchObject({ version: 1 })
        expect(await to.streamHead('cart-2')).toEqual({ version: 0, confirmed: 0 })
        expect(await shortly(to.append('cart-2', [removed('i')], { expectedVersion: 'exists' }))).toBe(
          'VersionConflict',
        )
        expect(await shortly(to.append('cart-1', [removed('i')], { expectedVersion: 0 }))).toBe('VersionConflict')
      }
    }
  })
})
