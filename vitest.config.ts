// Six projects: `unit` and `mocked` in Node, `browser` inside Chromium, `e2e` in Node driving Chromium against the built demo,
// and two that are left out of a plain `npm test`: `kill`, which takes minutes (`npm run test:kill`), and `servers`, which
// needs PostgreSQL, NATS and an edge runtime (`npm run test:servers`).
// The tests of `browser` in other engines: vitest.engines.config.ts.
// One alone: `npm test -- --project unit`, or without building anything `npx vitest run --project unit`.
import { availableParallelism } from 'node:os'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { browserTests, chromiumArgs, inBrowser, page, programs, resolve } from './scripts/browser-tests.ts'
import { mockedTests } from './scripts/mocked.ts'

/** Many tests wait for timers or a disk: one more than there are processors, where Vitest would take one less. */
const maxWorkers = availableParallelism() + 1

// The projects run one after the other (`groupOrder`), so that none slows another down on a small machine.

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
            ...mockedTests.map((file) => `!${file}`),
          ],
          // Files share a process and what it has loaded: a third of the time would be loading it for each of them.
          isolate: false,
          unstubGlobals: true,
          restoreMocks: true,
          testTimeout: 15_000,
          maxWorkers,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve,
        test: { name: 'mocked', include: mockedTests, testTimeout: 15_000, maxWorkers, sequence: { groupOrder: 1 } },
      },
      {
        ...inBrowser,
        test: {
          ...browserTests,
          name: 'browser',
          sequence: { groupOrder: 2 },
          browser: {
            ...page,
            provider: playwright({ launchOptions: { executablePath: programs.chromium, args: chromiumArgs } }),
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
          // Each file starts servers and browsers of its own: side by side they would only slow each other down.
          fileParallelism: false,
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
      {
        resolve,
        test: {
          name: 'servers',
          include: ['test/servers/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 5 },
        },
      },
    ],
  },
})
