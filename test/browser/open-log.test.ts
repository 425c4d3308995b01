import { openLog, unwrap } from 'tidelog'
import { afterEach, expect, test } from 'vitest'
import { cart, events, shop } from '../types/shop.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const log of opened.splice(0)) await log.close()
})
const open = (key: string) => {
  const log = openLog(shop, { key })
  opened.push(log)
  return log
}
const newKey = (): string => crypto.randomUUID()

test('the package’s own worker keeps an append over a reload of the log', async () => {
  const key = newKey()
  const first = open(key)
  const out = unwrap(await first.append([events.CartCreated({ cartId: 'c1' })], { expectedVersion: 0 }))
  expect(out.receipt.durable).toBe(true)
  expect(out.receipt.versions).toEqual({ 'cart-c1': 1 })
  expect(out.events.map(({ type, position, version }) => ({ type, position, version }))).toEqual([
    { type: 'CartCreated', position: 1, version: 1 },
  ])
  await first.close()
  const second = open(key)
  const { events: found } = await second.read().all()
  expect(found.map(({ type, position }) => ({ type, position }))).toEqual([{ type: 'CartCreated', position: 1 }])
  expect(found.map(({ id }) => id)).toEqual(out.events.map(({ id }) => id))
})

test('a second tab sees a commit without polling', async () => {
  const key = newKey()
  const a = open(key)
  const b = open(key)
  const view = b.view(cart, { cartId: 'c1' })
  expect(await view.ready).toBeUndefined()
  const seen = new Promise<void>((resolve) => view.subscribe(() => view.get() !== undefined && resolve()))
  unwrap(await a.append([events.CartCreated({ cartId: 'c1' })]))
  await seen
  expect(view.get()).toEqual({ items: [], submitted: false })
})
