// Whether a page can be used by everybody, as far as axe can tell.
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright'

/** All of them in CI; those that differ in both elsewhere, since each takes a second. */
const looks = [375, 1280]
  .flatMap((width) => (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })))
  .filter((_, at) => process.env.TIDELOG_WHOLE === '1' || at % 3 === 0)

/** What axe finds in the page as it is, in every look. */
export async function findings(of: Page): Promise<readonly string[]> {
  const found: string[] = []
  // The page has no frames, so one run inside it is all; the other mode would open a tab for each.
  const axe = new AxeBuilder({ page: of }).setLegacyMode(true)
  for (const { width, colorScheme } of looks) {
    await of.setViewportSize({ width, height: 900 })
    await of.emulateMedia({ colorScheme })
    const { violations, passes } = await axe.analyze()
    if (!passes.some(({ id }) => id === 'color-contrast'))
      found.push(`${width} ${colorScheme}: contrast was not judged`)
    for (const { id, nodes } of violations)
      found.push(`${width} ${colorScheme} ${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
    const overflow = await of.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    if (overflow > 0) found.push(`${width} ${colorScheme}: ${overflow} pixels too wide`)
  }
  return found
}
