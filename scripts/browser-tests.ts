// What every run of the tests in `test/browser` has in common, whichever browser it is in.
import { existsSync, readFileSync } from 'node:fs'
import { browserDependencies, sourceEntries } from './entries.ts'
import { wholeWorkers } from './whole-workers.ts'

interface Programs {
  readonly chromium: string
  readonly firefox: string
  readonly webkit: string
}
const found = '.build/browser.json'

/** The browsers that the set-up found, else where Debian has them. */
export const programs: Programs = {
  chromium: process.env.TIDELOG_CHROMIUM ?? '/usr/bin/chromium',
  firefox: '/usr/bin/firefox-esr',
  webkit: '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser',
  ...(existsSync(found) ? JSON.parse(readFileSync(found, 'utf8')) : {}),
}

export const chromiumArgs: string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

// Tests and sources share one copy of each module; only the end-to-end tests see the built package.
export const resolve: { alias: ReturnType<typeof sourceEntries> } = { alias: sourceEntries() }

export const inBrowser = {
  resolve,
  plugins: [wholeWorkers(resolve)],
  optimizeDeps: { include: [...browserDependencies, 'react', 'react-dom', 'react-dom/client', 'react-dom/server'] },
  worker: { format: 'es' as const },
}

export const browserTests = {
  include: ['test/browser/**/*.test.ts'],
  testTimeout: 30_000,
  hookTimeout: 30_000,
  // A second is little on a machine that does other things too.
  expect: { poll: { timeout: 10_000 } },
}

export const page = { enabled: true, headless: true, screenshotFailures: false, connectTimeout: 60_000 }
