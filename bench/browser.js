// Chromium with a profile on disk. Each run has a page and an origin of its own, and with it a database of its own:
// what an earlier run left to be compacted is not paid by a later one.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright'

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

// A run of one contender takes seconds, and filling a log at the server a minute on a busy machine.
const runMsMax = 180_000

/**
 * Starts the browser that `setup` chose. `inPage` runs a function of the page on a new page of a new origin, which the
 * server at `port` serves.
 */
export const openBrowser = async (port) => {
  const { chromium: executablePath } = JSON.parse(readFileSync('.build/browser.json', 'utf8'))
  const profile = mkdtempSync(join(tmpdir(), 'tidelog-bench-'))
  const context = await chromium.launchPersistentContext(profile, { executablePath, args, headless: true })
  let origins = 0
  const inPage = async (use, argument, from = port) => {
    const page = await context.newPage()
    const failed = new Promise((_, reject) => {
      // An error in a worker leaves the page waiting for ever; this event hears of both.
      page.on('pageerror', reject)
      setTimeout(() => reject(new Error(`a run took longer than ${runMsMax} ms`)), runMsMax).unref()
    })
    failed.catch(() => {})
    try {
      await page.goto(`http://run-${++origins}.localhost:${from}/`)
      return await Promise.race([page.evaluate(use, argument), failed])
    } finally {
      await page.close()
    }
  }
  const version = await inPage(
    () => navigator.userAgentData?.brands.find(({ brand }) => brand === 'Chromium')?.version ?? navigator.userAgent,
  )
  const close = async () => {
    await context.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  return { inPage, version, close }
}
