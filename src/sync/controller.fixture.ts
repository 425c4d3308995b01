// Tabs of one browser that want to sync with one server.
import type { Locks } from '../core/ports.ts'
import { type Browser, createBrowser, openTab, quiet, type Tab } from '../log/log.fixture.ts'
import { channelName, isNotice } from '../protocol/notice.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { SyncController } from './controller.ts'
import { ScriptedServer } from './pump.fixture.ts'

export interface Tabs {
  readonly browser: Browser
  readonly server: ScriptedServer
  readonly tabs: readonly Tab[]
  readonly controllers: readonly SyncController[]
  /** Who asked the server in turn. */
  readonly led: readonly number[]
  /** Lets all of them seek the lead. */
  readonly start: () => Promise<void>
  readonly pass: (ms: number) => Promise<void>
  readonly settled: () => Promise<void>
}

/** `locksOf` gives the n-th tab locks of its own. */
export async function openTabs(
  count: number,
  locksOf: (nth: number, own: Locks) => Locks = (_, own) => own,
): Promise<Tabs> {
  const browser = createBrowser()
  const server = new ScriptedServer()
  const led: number[] = []
  const tabs: Tab[] = []
  const controllers: SyncController[] = []
  for (let nth = 0; nth < count; nth++) {
    const tab = await openTab(browser)
    tabs.push(tab)
    const channel = browser.channels.open(channelName('db'), (notice: unknown) => {
      if (isNotice(notice)) controllers[nth]?.hear(notice)
    })
    controllers.push(
      new SyncController({
        engine: tab.engine,
        channel,
        clock: browser.clock,
        random: seededRandom(nth),
        locks: locksOf(nth, browser.locks),
        openChannel: browser.channels.open,
        isVisible: () => true,
        transport: () => ({
          pull: (...asked) => {
            if (led.at(-1) !== nth) led.push(nth)
            return server.pull(...asked)
          },
          segments: () => server.segments(),
          segment: (listed) => server.segment(listed),
          push: (request) => server.push(request),
          live: (...asked) => server.live(...asked),
        }),
        credentials: {},
      }),
    )
  }
  const settled = async (): Promise<void> => {
    for (let turns = 0; turns < 10; turns++) await quiet()
  }
  const pass = async (ms: number): Promise<void> => {
    let arrived = false
    browser.clock.after(ms, () => {
      arrived = true
    })
    while (!arrived && browser.clock.step()) await settled()
  }
  const start = (): Promise<void> => {
    for (const controller of controllers) controller.start()
    return settled()
  }
  return { browser, server, tabs, controllers, led, start, pass, settled }
}
