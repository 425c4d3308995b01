// The demo as its visitor meets it. Nothing here waits for time to pass: what is read is asked for again until it holds.
import type { Page } from 'playwright'
import { expect } from 'vitest'

export const cartUrl = (server: string, cartId: string): string => `${server}/#cart=${cartId}`

/** The page shows another cart without being loaded again. */
export const showCart = (page: Page, cartId: string): Promise<void> =>
  page.evaluate((id) => {
    location.hash = `#cart=${id}`
  }, cartId)

export const add = (page: Page, productId: string): Promise<void> => page.getByTestId(`add-${productId}`).click()

/** The things in the cart, such as `mug pending`. */
export const items = (page: Page): Promise<readonly string[]> =>
  page.getByTestId('item').evaluateAll((elements) =>
    elements.map((element) => {
      const { product, state } = (element as HTMLElement).dataset
      return `${product} ${state}`
    }),
  )
export const confirmed = (...products: readonly string[]): readonly string[] =>
  products.map((product) => `${product} confirmed`)
export const pending = (...products: readonly string[]): readonly string[] =>
  products.map((product) => `${product} pending`)

export interface SyncShown {
  readonly state: string | undefined
  readonly pending: number
  readonly synced: boolean
}
export const syncShown = (page: Page): Promise<SyncShown> =>
  page.getByTestId('sync-state').evaluate((element) => {
    const { state, pending, synced } = (element as HTMLElement).dataset
    return { state, pending: Number(pending), synced: synced === 'true' }
  })

/** An assertion on what a read gives in the end. Some of them wait for a back-off. */
export const eventually = <T>(read: () => T | Promise<T>, timeout = 20_000): ReturnType<typeof expect.poll<T>> =>
  expect.poll(read, { timeout, interval: 50 })

export const isSwitchedOffline = (page: Page): Promise<string | null> =>
  page.getByTestId('offline-switch').getAttribute('aria-checked')

/** Turns the switch, and waits until sync has obeyed. */
export async function goOffline(page: Page): Promise<void> {
  await page.getByTestId('offline-switch').click()
  await eventually(async () => (await syncShown(page)).state).toBe('paused')
}
export const goOnline = (page: Page): Promise<void> => page.getByTestId('offline-switch').click()

/** The button under the back-off. It is pressed even if it has just gone, since then the try is under way. */
export const tryNow = (page: Page): Promise<void> => page.getByTestId('sync-now').dispatchEvent('click')

/** From now on the page opens without a server. */
export const keptByServiceWorker = (page: Page): Promise<unknown> =>
  page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state)

/** Opens the page anew, without a server from the service worker, and waits until its log is there. */
export async function reload(page: Page): Promise<void> {
  // As a visitor would: a page that is loaded behind another tab is not painted, and clicks on it wait for that.
  await page.bringToFront()
  await page.reload()
  await page.getByTestId('log-row').first().waitFor()
}

/** What was refused later: each wish with its reason. */
export const refused = (page: Page): Promise<readonly string[]> =>
  page
    .getByTestId('refused-row')
    .evaluateAll((elements) =>
      elements.map(
        (element) =>
          `${element.querySelector('.letter-wish')?.textContent}: ${(element as HTMLElement).dataset.reason}`,
      ),
    )

/** The last thing that the page said, and whether it was a refusal. */
export const notice = (page: Page): Promise<{ readonly kind: string | undefined; readonly words: string }> =>
  page
    .getByTestId('notice')
    .evaluate((element) => ({ kind: (element as HTMLElement).dataset.kind, words: element.textContent ?? '' }))
