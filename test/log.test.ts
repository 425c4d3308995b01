// The rows of the requirements that a log alone can show, through the public entries.

import { isTidelogError, unwrap } from 'tidelog'
import { afterEach, expect, test } from 'vitest'
import { cart, events, shop } from './types/shop.ts'
import { added, created, devicesOf, readAll, type ShopLog, type ShopWorld, shopWorld } from './world.ts'

let world: ShopWorld
afterEach(() => world.close())
const openLog = (): ShopLog => {
  world = shopWorld({ devices: 1 })
  return devicesOf(world, 1)[0]!.log
}
const removed = (cartId: string, itemId: string) => events.ItemRemoved({ cartId, itemId })
const versionsOf = async (log: ShopLog, stream: string) =>
  (await log.read({ stream }).all()).events.map(({ version }) => version)

/** The code of what an append or a read throws at once, or rejects with. */
const codeOf = async (use: () => unknown): Promise<unknown> => {
  try {
    await use()
    return 'nothing'
  } catch (error) {
    return isTidelogError(error) ? error.code : error
  }
}

test('TS-11 an append expects any version, none, that the stream exists, or one exactly', async () => {
  const log = openLog()
  const append = async (expectedVersion: number | 'any' | 'exists') => {
    const outcome =
      expectedVersion === 'any'
        ? await log.append([added('c', 'i')], { expectedVersion })
        : await log.append([added('c', 'i')], { expectedVersion })
    return outcome.ok ? 'kept' : outcome.reason.type
  }
  expect(await append('exists')).toBe('VersionConflict')
  expect(await append(1)).toBe('VersionConflict')
  expect(await append(0)).toBe('kept')
  expect(await append(0)).toBe('VersionConflict')
  expect(await append('exists')).toBe('kept')
  expect(await append('any')).toBe('kept')
  expect(await append(2)).toBe('VersionConflict')
  expect(await append(3)).toBe('kept')
  expect(await append(5)).toBe('VersionConflict')
  expect(await versionsOf(log, 'cart-c')).toEqual([1, 2, 3, 4])
})

test('TS-12 a stream that is missing is told from an empty answer, and kinds may share an id', async () => {
  const log = openLog()
  const view = log.view(cart, { cartId: '1' })
  expect(await view.ready).toBeUndefined()
  expect(await log.streamHead('cart-1')).toEqual({ version: 0, confirmed: 0 })
  unwrap(await log.append('order-1', [removed('none', 'i')]))
  expect(await log.streamHead('cart-1')).toEqual({ version: 0, confirmed: 0 })
  unwrap(await log.append([created('1')]))
  await view.waitFor((await log.logHead()).marker)
  expect(view.get()).toEqual({ items: [], submitted: false })
  expect([await versionsOf(log, 'cart-1'), await versionsOf(log, 'order-1')]).toEqual([[1], [1]])
})

test('AE-1 versions rise by one per stream, a stale expectation says so, and edge values are argument errors', async () => {
  const log = openLog()
  unwrap(await log.append('s', [removed('a', '1'), removed('a', '2')]))
  unwrap(await log.append('t', [removed('b', '1')]))
  unwrap(await log.append('s', [removed('a', '3')]))
  expect(await versionsOf(log, 's')).toEqual([1, 2, 3])
  const stale = await log.append('s', [removed('a', '4')], { expectedVersion: 2 })
  expect(stale).toMatchObject({
    ok: false,
    reason: {
      type: 'VersionConflict',
      stream: 's',
      expected: 2,
      actual: 3,
      message: 'stream s is at version 3, not at 2',
    },
  })
  const far = await log.append('s', [removed('a', '4')], { expectedVersion: Number.MAX_SAFE_INTEGER })
  expect(far).toMatchObject({ ok: false, reason: { type: 'VersionConflict', actual: 3 } })
  for (const expectedVersion of [-1, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY, '1', null])
    expect(
      await codeOf(() => log.append('s', [removed('a', '4')], { expectedVersion: expectedVersion as number })),
    ).toBe('tidelog/argument')
  for (const stream of ['', 'x'.repeat(513), 7, null])
    expect(await codeOf(() => log.append(stream as string, [removed('a', '4')]))).toBe('tidelog/argument')
  for (const stream of ['__proto__', ' ', 'a/b?c#d', '日本', 'x'.repeat(512), '\u0000', '😀']) {
    expect(unwrap(await log.append(stream, [removed('a', '4')])).receipt.versions).toEqual({ [stream]: 1 })
    expect(await log.streamHead(stream)).toMatchObject({ version: 1 })
  }
  expect(await versionsOf(log, 's')).toEqual([1, 2, 3])
})

test('AE-3 a stream is read from a version on, and is empty when there is none', async () => {
  const log = openLog()
  for (const itemId of ['1', '2', '3', '4']) unwrap(await log.append('s', [removed('a', itemId)]))
  const from = async (fromVersion: number) =>
    (await log.read({ stream: 's', fromVersion }).all()).events.map(({ version }) => version)
  const wanted = [await from(0), await from(1), await from(3), await from(4), await from(5)]
  expect(wanted).toEqual([[1, 2, 3, 4], [1, 2, 3, 4], [3, 4], [4], []])
  await world.settle()
  expect([await from(1), await from(3), await from(5)]).toEqual([[1, 2, 3, 4], [3, 4], []])
  expect((await log.read({ stream: 'nowhere', fromVersion: 1 }).all()).events).toEqual([])
  expect(await codeOf(() => log.read({ fromVersion: 1 }).all())).toBe('tidelog/argument')
})

test('AE-7 a notice goes out only after its commit is kept, in order, and never for a conflict', async () => {
  const log = openLog()
  const [device] = devicesOf(world, 1)
  device!.offline()
  const other = device!.openTab()
  await other.ready
  const heads: number[] = []
  const kept: Promise<boolean>[] = []
  device!.loseNotices((message) => {
    const { kind, head } = message as { readonly kind: string; readonly head: number }
    if (kind !== 'moved') return false
    heads.push(head)
    // Another tab that looks at this very moment finds what the notice tells of.
    kept.push(other.logHead().then(({ marker }) => marker.revision >= head))
    return false
  })
  unwrap(await log.append([created('c')], { expectedVersion: 0 }))
  unwrap(await log.append([added('c', 'i')]))
  expect((await log.append([created('c')], { expectedVersion: 0 })).ok).toBe(false)
  expect((await log.append([created('c')], { failIfEventsMatch: { types: ['CartCreated'] } })).ok).toBe(false)
  expect((await log.append([events.ItemAdded({} as never)], {})).ok).toBe(false)
  unwrap(await other.append([added('c', 'j')]))
  await expect.poll(() => heads.at(-1)).toBe(3)
  expect(heads).toEqual([...heads].sort())
  expect(new Set(await Promise.all(kept))).toEqual(new Set([true]))
  device!.loseNotices(() => false)
})

test('CART-3 a live projection reads by query and folds; a cart that is unknown is undefined', async () => {
  const log = openLog()
  devicesOf(world, 1)[0]!.offline()
  const view = log.view(cart, { cartId: 'c1' })
  expect([await view.ready, view.get()]).toEqual([undefined, undefined])
  const states: unknown[] = []
  view.subscribe(() => states.push(view.get()?.items.map(({ id }) => id)))
  unwrap(await log.append([created('c2'), added('c2', 'x')]))
  unwrap(await log.append([created('c1'), added('c1', 'a')]))
  await view.waitFor(unwrap(await log.append([added('c1', 'b')])).receipt)
  expect(view.get()?.items.map(({ id }) => id)).toEqual(['a', 'b'])
  await view.waitFor(unwrap(await log.append('cart-c1', [removed('c1', 'a')])).receipt)
  expect(view.get()?.items).toEqual([{ id: 'b', price: 2, pending: true }])
  expect(states.at(-1)).toEqual(['b'])
  expect(log.view(cart, { cartId: 'nobody' }).get()).toBeUndefined()
  expect(log.view(cart, { cartId: 'c1' })).toBe(view)
})

test('CART-5 an append answers its head: a view waits for it in any tab, and it is confirmed with a position', async () => {
  const log = openLog()
  const [device] = devicesOf(world, 1)
  const other = device!.openTab()
  const view = other.view(cart, { cartId: 'c' })
  await view.ready
  unwrap(await log.append([created('c')]))
  await view.waitFor((await other.logHead()).marker)
  // The notice of this one is lost: what was written has to be read all the same.
  device!.loseNotices(() => true)
  const { receipt } = unwrap(await log.append([added('c', 'i')]))
  expect((await view.waitFor(receipt, { timeoutMs: 1_000 }))?.items).toHaveLength(1)
  device!.loseNotices(() => false)
  const never = view.waitFor({ ...receipt.head, revision: 99 }, { timeoutMs: 500 }).catch((error: unknown) => error)
  await world.settle()
  for (let steps = 0; steps < 50; steps++) world.clock.step()
  expect(isTidelogError(await never, 'tidelog/timeout')).toBe(true)
  expect(await log.whenConfirmed(receipt)).toEqual({ status: 'confirmed', position: 2 })
})

test('CART-7 facts from outside are appended without a decision', async () => {
  const log = openLog()
  const out = unwrap(
    await log.append('prices', [removed('supplier', 'a'), removed('supplier', 'b')], { metadata: { actor: 'erp' } }),
  )
  await world.settle()
  expect(await log.whenConfirmed(out.receipt)).toEqual({ status: 'confirmed', position: 1 })
  expect((await readAll(log)).map(({ stream, metadata }) => [stream, metadata.actor])).toEqual([
    ['prices', undefined],
    ['prices', undefined],
  ])
  expect(shop.name).toBe('shop')
})
