import type { Page } from 'playwright'

const stopsMax = 80

/** Goes on with the Tab key until the focus is on the element with this test id. */
export async function tabTo(page: Page, testId: string): Promise<void> {
  for (let stop = 0; stop < stopsMax; stop++) {
    await page.keyboard.press('Tab')
    if ((await focused(page)) === testId) return
  }
  throw new Error(`${testId} can't be reached with the Tab key`)
}

export const focused = (page: Page): Promise<string | null> =>
  page.evaluate(() => document.activeElement?.getAttribute('data-testid') ?? null)

/** Whether the focus is where a visitor can go on from, and can be seen. */
export const isFocusShown = (page: Page): Promise<boolean> =>
  page.evaluate(() => {
    const { activeElement } = document
    if (activeElement === null || activeElement === document.body) return false
    const { outlineStyle, outlineWidth } = getComputedStyle(activeElement)
    return activeElement.matches(':focus-visible') && outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2
  })
