// Chromium with a profile on disk. Each run has a page and, unless it looks into what was filled before, an origin of its
// own, and with it a database of its own: what an earlier run left to be compacted is not paid by a later one.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
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
  // The memory of a worker is measured when it is asked for, not when the browser next collects garbage.
  '--enable-blink-features=ForceEagerMeasureMemory',
]

// A run of one contender takes seconds, and filling a large log a minute on a busy machine.
const runMsMax = 180_000
const filledEventMsMax = 2

/** A new profile on disk; `remove` deletes it when no browser has it open. */
export const makeProfile = () => {
  const path = mkdtempSync(join(tmpdir(), 'tidelog-bench-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/**
 * Starts the browser that `setup` chose with a profile. `inPage` runs a function of the page on a new page, which the server
 * at `port` serves; its origin is new unless `host` names one.
 */
export const openBrowser = async (profile, port) => {
  const { chromium: executablePath } = JSON.parse(readFileSync('.build/browser.json', 'utf8'))
  const context = await chromium.launchPersistentContext(profile.path, { executablePath, args, headless: true })
  let origins = 0
  const inPage = async (use, argument, { from = port, host = `run-${++origins}`, filled = 0 } = {}) => {
    const page = await context.newPage()
    const msMax = runMsMax + filled * filledEventMsMax
    const failed = new Promise((_, reject) => {
      // An error in a worker leaves the page waiting for ever; this event hears of both.
      page.on('pageerror', reject)
      setTimeout(() => reject(new Error(`a run took longer than ${msMax} ms`)), msMax).unref()
    })
    failed.catch(() => {})
    try {
      await page.goto(`http://${host}.localhost:${from}/`)
      return await Promise.race([page.evaluate(use, argument), failed])
    } finally {
      await page.close()
    }
  }
  const version = await inPage(
    () => navigator.userAgentData?.brands.find(({ brand }) => brand === 'Chromium')?.version ?? navigator.userAgent,
  )
  return { inPage, version, close: () => context.close() }
}

/** What IndexedDB keeps of an origin on disk, in bytes. The browser has to be closed. */
export const diskBytes = (profile, host, port) => {
  const folder = join(profile.path, 'Default', 'IndexedDB')
  const own = readdirSync(folder).filter((name) => name.startsWith(`http_${host}.localhost_${port}.`))
  if (own.length === 0) throw new Error(`nothing of ${host} on disk`)
  return own.reduce((sum, name) => sum + bytesIn(join(folder, name)), 0)
}

const bytesIn = (path) => {
  const entries = statSync(path).isDirectory() ? readdirSync(path, { recursive: true }) : ['']
  return entries
    .map((name) => statSync(join(path, name)))
    .filter((entry) => entry.isFile())
    .reduce((sum, { size }) => sum + size, 0)
}
