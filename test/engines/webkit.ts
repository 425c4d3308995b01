// WebKitGTK's MiniBrowser: the engine of Safari in another port, with another network and storage around it.
import { join } from 'node:path'
import type { BrowserProviderOption } from 'vitest/node'
import { bareBrowser, startDisplay, stop } from './bare-browser.ts'
import { versionOf } from './report.ts'

export const webkit = (program: string, profile: string): BrowserProviderOption =>
  bareBrowser({
    name: 'webkit',
    profile,
    needsDisplay: true,
    command: (url) => ({
      program: 'dbus-run-session',
      args: ['--', program, '--javascript-can-open-windows-automatically=true', url],
    }),
    env: (home) => ({
      HOME: home,
      XDG_DATA_HOME: join(home, 'data'),
      XDG_CACHE_HOME: join(home, 'cache'),
      XDG_CONFIG_HOME: join(home, 'config'),
      // There is no graphics card, and root may not start the sandbox.
      LIBGL_ALWAYS_SOFTWARE: '1',
      NO_AT_BRIDGE: '1',
      WEBKIT_DISABLE_COMPOSITING_MODE: '1',
      WEBKIT_DISABLE_DMABUF_RENDERER: '1',
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
    }),
  })

/** It does not tell its version without a display either. */
export const webkitVersion = async (program: string): Promise<string> => {
  const display = await startDisplay()
  try {
    return versionOf(program, { DISPLAY: display.name })
  } finally {
    await stop(display.child)
  }
}
