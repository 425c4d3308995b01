// Firefox without a driver. Playwright's speaks a protocol that grows with Firefox, and an ESR is a year behind.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserProviderOption } from 'vitest/node'
import { bareBrowser } from './bare-browser.ts'

const preferences: Readonly<Record<string, string | number | boolean>> = {
  // No page but the one that is asked for, and no question to anybody.
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'browser.sessionstore.resume_from_crash': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.startup.max_resumed_crashes': -1,
  'app.update.disabledForTesting': true,
  // Tests open tabs without a click of anybody.
  'dom.disable_open_during_load': false,
  // Nothing leaves this machine: all but the loopback goes to a proxy that is not there.
  'network.proxy.type': 1,
  'network.proxy.http': '127.0.0.1',
  'network.proxy.http_port': 9,
  'network.proxy.ssl': '127.0.0.1',
  'network.proxy.ssl_port': 9,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'media.peerconnection.enabled': false,
}

const userJs = Object.entries(preferences)
  .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
  .join('')

export const firefox = (program: string, profile: string): BrowserProviderOption =>
  bareBrowser({
    name: 'firefox',
    profile,
    needsDisplay: false,
    command: (url, home) => {
      const folder = join(home, 'profile')
      mkdirSync(folder)
      writeFileSync(join(folder, 'user.js'), userJs)
      return { program, args: ['--headless', '--no-remote', '--new-instance', '--profile', folder, url] }
    },
    env: (home) => ({ HOME: home, MOZ_CRASHREPORTER_DISABLE: '1', MOZ_DISABLE_AUTO_SAFE_MODE: '1' }),
  })
