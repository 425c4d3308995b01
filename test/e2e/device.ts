// A device: one browser profile with its own storage, and its tabs.
import { existsSync, readFileSync } from 'node:fs'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright'

const chosen = '.build/browser.json'
const executablePath: string = existsSync(chosen)
  ? JSON.parse(readFileSync(chosen, 'utf8')).chromium
  : (process.env.TIDELOG_CHROMIUM ?? '/usr/bin/chromium')
export const launchOptions = {
  executablePath,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
}

export interface Device {
  readonly openTab: (url: string) => Promise<Page>
  /** Databases that a page itself has opened: none, since only the worker may. */
  readonly openedByPages: readonly string[]
  /** What went wrong in a page and nobody caught. */
  readonly uncaught: readonly string[]
  readonly close: () => Promise<void>
}

export const launchBrowser = (): Promise<Browser> => chromium.launch(launchOptions)

/** A device whose profile lies on disk, in a browser of its own. */
export const startDevice = async (profile: string): Promise<Device> =>
  watch(await chromium.launchPersistentContext(profile, launchOptions))

/** A device that is forgotten when it is closed, in a browser shared with others. */
export const addDevice = async (browser: Browser, options: BrowserContextOptions = {}): Promise<Device> =>
  watch(await browser.newContext(options))

async function watch(context: BrowserContext): Promise<Device> {
  const openedByPages: string[] = []
  const uncaught: string[] = []
  context.on('weberror', (error) => uncaught.push(String(error.error())))
  await context.exposeFunction('pageOpened', (name: string) => openedByPages.push(name))
  await context.addInitScript(() => {
    const { open } = IDBFactory.prototype
    IDBFactory.prototype.open = function (this: IDBFactory, name: string, version?: number) {
      Reflect.get(globalThis, 'pageOpened')(name)
      return version === undefined ? open.call(this, name) : open.call(this, name, version)
    }
  })
  return {
    openTab: async (url) => {
      const page = await context.newPage()
      await page.goto(url)
      return page
    },
    openedByPages,
    uncaught,
    close: () => context.close(),
  }
}
