// Four projects: `unit` in Node, `browser` inside Chromium, `e2e` in Node driving Chromium against the built demo, and
// `kill`, which takes minutes and is left out of a plain `npm test`: `npm run test:kill`.
// One alone: `npm test -- --project unit`, or without building anything `npx vitest run --project unit`.
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { browserDependencies, sourceEntries } from './scripts/entries.ts'

const chosen = '.build/browser.json'
const { chromium }: { chromium: string } = existsSync(chosen)
  ? JSON.parse(readFileSync(chosen, 'utf8'))
  : { chromium: process.env.TIDELOG_CHROMIUM ?? '/usr/bin/chromium' }

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Many tests wait for timers or a disk: one more than there are processors, where Vitest would take one less. */
const maxWorkers = availableParallelism() + 1

// The projects run one after the other (`groupOrder`), so that none slows another down on a small machine.
// Tests and sources share one copy of each module; only the end-to-end tests see the built package.
const resolve = { alias: sourceEntries() }

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'worker/**/*.test.ts',
            'server/**/*.test.ts',
            'test/*.test.ts',
            'demo/**/*.test.ts',
            'bench/*.test.js',
          ],
          testTimeout: 15_000,
          maxWorkers,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve,
        optimizeDeps: {
          include: [...browserDependencies, 'react', 'react-dom', 'react-dom/client', 'react-dom/server'],
        },
        worker: { format: 'es' },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 2 },
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            connectTimeout: 60_000,
            provider: playwright({ launchOptions: { executablePath: chromium, args } }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Each file has servers and browsers of its own, and mostly waits for them.
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'kill',
          include: ['test/kill/**/*.test.ts'],
          testTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
})
