// The tests of `test/browser` in other engines and storages, one after the other: `npm run test:engines`.
// One alone: `npm run test:engines -- --project firefox`. Which tests can not run where: test/engines/engines.ts.
import { playwright } from '@vitest/browser-playwright'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import type { BrowserProviderOption } from 'vitest/node'
import { browserTests, chromiumArgs, inBrowser, page, programs } from './scripts/browser-tests.ts'
import SecondTries, { retry } from './scripts/second-tries.ts'
import { type EngineName, engines } from './test/engines/engines.ts'
import { firefox } from './test/engines/firefox.ts'
import { profileOf, storageIn } from './test/engines/profile.ts'
import { EnginesReport, versionOf } from './test/engines/report.ts'
import { webkit, webkitVersion } from './test/engines/webkit.ts'

/** With a profile on the disk: a browser context of Playwright keeps what is stored in memory. */
const chromium = (engine: EngineName, ...more: string[]): BrowserProviderOption =>
  playwright({
    persistentContext: profileOf(engine),
    launchOptions: { executablePath: programs.chromium, args: [...chromiumArgs, ...more] },
  })

interface SetUp {
  readonly browser: string
  readonly provider: BrowserProviderOption
  readonly version: () => string | Promise<string>
}

const setUps: Readonly<Record<EngineName, SetUp>> = {
  'chromium-leveldb': {
    browser: 'chromium',
    provider: chromium('chromium-leveldb', '--disable-features=IdbSqliteBackingStore'),
    version: () => versionOf(programs.chromium),
  },
  'chromium-sqlite': {
    browser: 'chromium',
    provider: chromium('chromium-sqlite', '--enable-features=IdbSqliteBackingStore'),
    version: () => versionOf(programs.chromium),
  },
  firefox: {
    browser: 'firefox',
    provider: firefox(programs.firefox, profileOf('firefox')),
    version: () => versionOf(programs.firefox),
  },
  webkit: {
    browser: 'webkit',
    provider: webkit(programs.webkit, profileOf('webkit')),
    version: () => webkitVersion(programs.webkit),
  },
}

const projectOf = (name: EngineName, groupOrder: number): TestProjectInlineConfiguration => {
  const { browser, provider } = setUps[name]
  return {
    ...inBrowser,
    test: {
      ...browserTests,
      name,
      include: [...browserTests.include, 'test/engines/*.test.ts'],
      globalSetup: ['test/engines/profile.ts'],
      setupFiles: ['test/engines/setup.ts'],
      provide: { engine: name },
      // On a busy machine MiniBrowser now and then answers nobody for half a minute.
      retry: name === 'webkit' ? retry : 0,
      // A profile on the disk has one page at a time, and none of the browsers shares this small machine.
      fileParallelism: false,
      sequence: { groupOrder },
      browser: {
        ...page,
        provider,
        instances: [{ browser: browser as 'chromium' }],
        commands: { storageOnDisk: () => storageIn(profileOf(name)) },
      },
    },
  }
}

const versions = Object.fromEntries(Object.entries(setUps).map(([name, { version }]) => [name, version]))

export default defineConfig({
  test: {
    reporters: ['default', new SecondTries(), new EnginesReport('.build/engines.json', versions)],
    projects: engines.map(({ name }, at) => projectOf(name, at + 1)),
  },
})
