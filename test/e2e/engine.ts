// The engine room of the demo as its visitor meets it.
import type { Page } from 'playwright'

export const engineUrl = (server: string): string => `${server}/engine.html`

/** How an event of the event model is shown: how often it was, and whether it is confirmed. */
export const deed = (page: Page, slice: string, type: string): Promise<string> =>
  page
    .getByTestId(`slice-${slice}`)
    .locator(`[data-type=${type}]`)
    .evaluate((element) => {
      const { count, state } = (element as HTMLElement).dataset
      return `${count} ${state}`
    })

export const isLit = (page: Page, slice: string): Promise<boolean> =>
  page.getByTestId(`slice-${slice}`).evaluate((element) => (element as HTMLElement).dataset.lit === 'yes')

/** Sends a message from outside: of the stock, or of a price. */
export async function send(page: Page, source: 'stock' | 'price', productId: string, number: string): Promise<void> {
  await page.getByTestId(`${source}-product`).selectOption(productId)
  await page.getByTestId(`${source}-number`).fill(number)
  await page.getByTestId(`${source}-send`).click()
}

/** What became of the messages of a source, newest first, such as `3 taken`. */
export const receptions = (page: Page, source: 'stock' | 'price'): Promise<readonly string[]> =>
  page
    .getByTestId(source)
    .getByTestId('message')
    .evaluateAll((elements) =>
      elements.map((element) => {
        const { offset, reception } = (element as HTMLElement).dataset
        return `${offset} ${reception}`
      }),
    )

/** The tasks of the work queue, such as `quay: done, 1`. */
export const tasks = (page: Page): Promise<readonly string[]> =>
  page.getByTestId('task').evaluateAll((elements) =>
    elements.map((element) => {
      const { cart, status, attempts } = (element as HTMLElement).dataset
      return `${cart}: ${status}, ${attempts}`
    }),
  )
