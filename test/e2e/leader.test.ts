// Three tabs of one browser append, and one of them syncs until something becomes of it in the midst of a push.
import { join } from 'node:path'
import { seededRandom } from 'tidelog/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeFolder } from './folders.ts'
import { type LifeServer, startLifeServer } from './life-server.ts'
import { allIsThereOnce, eventually, processOf, type Tab, type Writer, write } from './life-tabs.ts'
import { type RawBrowser, startRawBrowser } from './raw-chromium.ts'

/** Who waits for a leader that lets go has to ask only once; one that is silent is asked twice. */
const letGoMs = 6_000
/** However the leader ends. */
const turnoverMs = 15_000
/** An append goes on while another tab is frozen: far below the time that it is. */
const appendMs = 4_000

const seed = Number(process.env.TIDELOG_SEED ?? Date.now() % 100_000)
const random = seededRandom(seed)
const folder = makeFolder()
let server: LifeServer
let browser: RawBrowser
let log: string
let opened: Tab[]
let stopped: number[]

beforeAll(async () => {
  console.log(`leader.test.ts: TIDELOG_SEED=${seed}`)
  server = await startLifeServer(folder.path)
  browser = await startRawBrowser(join(folder.path, 'profile'))
})
beforeEach(() => {
  log = `log-${random.newId()}`
  opened = []
  stopped = []
})
afterEach(async () => {
  server.stand(log)
  for (const pid of stopped) process.kill(pid, 'SIGCONT')
  for (const tab of opened) await tab.close().catch(() => {})
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  folder.remove()
})

const open = async (name: string): Promise<Tab> => {
  const tab: Tab = await browser.openTab(`${server.url}/?log=${log}&tab=${name}`)
  opened.push(tab)
  return tab
}
/** The first tab leads; the second is looked at. */
async function openThree(): Promise<readonly [Tab, Tab, Tab]> {
  const one = await open('one')
  await eventually(async () => (await one.call('sync')).state).toBe('live')
  const [two, three] = [await open('two'), await open('three')]
  await two.show()
  for (const tab of [two, three]) await eventually(async () => (await tab.call('sync')).state).toBe('live')
  expect([await one.call('isHidden'), await two.call('isHidden')]).toEqual([true, false])
  return [one, two, three]
}
const ignore = (): void => {}
const answers = (tab: Tab): Promise<boolean> =>
  Promise.race([
    tab.call('workers').then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, 3_000, false)),
  ])

interface Ending {
  readonly name: string
  readonly withinMs: number
  /** `isFree` tells whether the other tabs get at all that is stored. */
  readonly end: (tab: Tab, isFree: () => Promise<boolean>) => Promise<unknown>
  /** Brings it back, where that is possible; tells whether it is. */
  readonly back?: (tab: Tab) => Promise<boolean>
}
/**
 * Halts it where it keeps nobody else from getting on. Between two statements of one turn it may have begun a transaction and not
 * yet handed it over: nothing takes that from one that stands, and no browser halts one there.
 */
async function haltBetween(halt: () => unknown, isFree: () => Promise<boolean>, goOn: () => unknown): Promise<void> {
  for (await halt(); !(await isFree()); await halt()) {
    console.log('leader.test.ts: halted inside a transaction, which holds up everybody')
    await goOn()
    await eventually(isFree).toBe(true)
  }
}
const setLife = (tab: Tab, state: 'active' | 'frozen'): Promise<unknown> =>
  tab.send('Page.setWebLifecycleState', { state })
const endings: readonly Ending[] = [
  { name: 'is closed', withinMs: letGoMs, end: (tab) => tab.close() },
  // A crash is not answered.
  { name: 'crashes', withinMs: letGoMs, end: async (tab) => void tab.send('Page.crash').catch(ignore) },
  {
    name: 'is left, perhaps for the back/forward cache,',
    withinMs: letGoMs,
    end: (tab) => tab.send('Page.navigate', { url: `${server.url}/elsewhere.html` }),
    back: async (tab) => {
      await tab.send('Runtime.evaluate', { expression: 'history.back()' })
      return true
    },
  },
  {
    name: 'is frozen',
    // Its worker may be frozen before it hears of it, and keeps the lock until that is taken away.
    withinMs: turnoverMs,
    end: (tab, isFree) =>
      haltBetween(
        () => setLife(tab, 'frozen'),
        isFree,
        () => setLife(tab, 'active'),
      ),
    back: async (tab) => {
      for (let times = 0; times < 3; times++) {
        await setLife(tab, 'active')
        if (await answers(tab)) return true
      }
      // Chromium may lose a page that is woken while it is still being frozen: idle, and without an answer even to `1 + 1`.
      console.log('leader.test.ts: the browser did not wake the page')
      await tab.close()
      return false
    },
  },
  {
    name: 'is stopped without a word',
    withinMs: turnoverMs,
    end: async (tab, isFree) => {
      const pid = await processOf(browser, tab)
      stopped.push(pid)
      await haltBetween(
        () => process.kill(pid, 'SIGSTOP'),
        isFree,
        () => process.kill(pid, 'SIGCONT'),
      )
    },
    back: async () => {
      for (const pid of stopped.splice(0)) process.kill(pid, 'SIGCONT')
      return true
    },
  },
]

describe('a leader', () => {
  test.each(endings)(
    'that $name in the midst of a push is followed by a tab that is looked at: nothing is lost, nothing doubled',
    async ({ end, back, withinMs }) => {
      const [one, two, three] = await openThree()
      const pushes = Math.floor(random.fraction() * 8)
      let begun = 0
      let endedAt = 0
      let followedAt = 0
      const ended = new Promise<void>((resolve, reject) => {
        server.stand(log, async ({ tab, what }, serve) => {
          if (what === 'push' && tab !== 'one') followedAt ||= performance.now()
          const answer = serve()
          if (what !== 'push' || tab !== 'one' || begun++ !== pushes) return answer
          // The server has it, and the leader never hears of that.
          await answer
          endedAt = performance.now()
          end(one, () => two.call('canWrite', appendMs / 2)).then(() => {
            endedAt = performance.now()
            resolve()
          }, reject)
          return new Promise<never>(ignore)
        })
      })
      const writers: readonly Writer[] = [write(one, 'one'), write(two, 'two'), write(three, 'three')]
      await ended
      await expect.poll(() => followedAt, { timeout: 20_000, interval: 20 }).toBeGreaterThan(0)
      const [own, ...others] = writers.map((writer) => writer.stop())
      await Promise.all(others)
      const isBack = back !== undefined && (await back(one))
      if (isBack) {
        await own
        await eventually(async () => (await one.call('sync')).state).toBe('live')
      }
      const acknowledged = writers.flatMap((writer) => writer.acknowledged)
      expect(writers.map((writer) => writer.acknowledged.length > 0)).toEqual([true, true, true])
      await allIsThereOnce(server, log, { acknowledged, tabs: isBack ? [one, two, three] : [two, three] })
      expect(followedAt - endedAt).toBeLessThan(withinMs)
      expect(Math.max(...writers.slice(1).map((writer) => writer.slowestMs()))).toBeLessThan(appendMs)
    },
  )
})
