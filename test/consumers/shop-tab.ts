// What the contracts of consumers share: tabs of the shop, and subscriptions that note what they are given.
import { unwrap } from 'tidelog'
import { afterEach, beforeEach } from 'vitest'
import { events, shop } from '../types/shop.ts'
import { Harness } from './harness.ts'

export const added = (itemId: string, cartId = 'c', productId = 'p') =>
  events.ItemAdded({ cartId, itemId, productId, price: 1 })

export interface Placed {
  readonly position: number | undefined
}
export const positions = (got: readonly Placed[]) => got.map(({ position }) => position)
export const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, at) => from + at)

/** A browser for each test. */
export function useBrowser(): { readonly openTab: () => ShopTab; readonly browser: () => Harness } {
  let browser: Harness
  beforeEach(() => {
    browser = new Harness()
  })
  afterEach(() => browser.close())
  return { openTab: () => openShop(browser), browser: () => browser }
}
const openShop = (browser: Harness) => browser.openTab(shop)
export type ShopTab = ReturnType<typeof openShop>

/** Appends items one commit each: `a/1` is item 1 of the cart a. */
export async function append({ log }: ShopTab, ...items: readonly string[]): Promise<void> {
  for (const item of items) {
    const [cartId, itemId = cartId] = item.includes('/') ? item.split('/') : ['c', item]
    unwrap(await log.append([added(itemId as string, cartId)]))
  }
}
/** Appends that many items in one commit. */
export const appendMany = async ({ log }: ShopTab, count: number) =>
  unwrap(await log.append(upTo(count).map((nth) => added(`${nth}`, `${nth % 7}`))))

export interface Gate {
  readonly opened: Promise<void>
  open(): void
}
export function newGate(): Gate {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
