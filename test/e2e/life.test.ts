// What befalls a page: the back/forward cache, freezing, duplication, clocks that are off, and the death of its worker.
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeFolder } from './folders.ts'
import { type LifeServer, startLifeServer } from './life-server.ts'
import { allIsThereOnce, eventually, type Tab, write } from './life-tabs.ts'
import { type RawBrowser, startRawBrowser } from './raw-chromium.ts'

const yearsMs = 10 * 365 * 86_400_000
/** Far below the minute after which a tab looks at the log without a notice. */
const atOnceMs = 5_000
/** Chromium throws a page out of its cache when a message meets a channel there that its worker was too slow to close. */
const triesMax = 4

const folder = makeFolder()
let server: LifeServer
let browser: RawBrowser
let log: string
let opened: Tab[]

beforeAll(async () => {
  server = await startLifeServer(folder.path)
  browser = await startRawBrowser(join(folder.path, 'profile'))
})
beforeEach(() => {
  log = crypto.randomUUID()
  opened = []
})
afterEach(async () => {
  server.stand(log)
  for (const tab of opened) await tab.close().catch(() => {})
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  folder.remove()
})

/** A tab of this browser, or of a device of its own. */
async function open(name: string, flags = '', device?: string): Promise<Tab> {
  const tab: Tab = await browser.openTab(`${server.url}/?log=${log}&tab=${name}${flags}`, device)
  opened.push(tab)
  // Of a tab that no notice reaches, only its own leader is heard.
  const states = flags.includes('&paused') ? ['paused'] : flags.includes('&apart') ? ['live', 'starting'] : ['live']
  await eventually(async () => states.includes((await tab.call('sync')).state)).toBe(true)
  return tab
}
const newDevice = async (): Promise<string> =>
  (await browser.send('Target.createBrowserContext')).browserContextId as string
async function append(tab: Tab, ...names: readonly string[]): Promise<void> {
  for (const name of names) expect(await tab.call('append', name)).toMatch(/\.0$/)
}
const named = (of: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, nth) => `${of}-${nth + 1}`)
const evaluate = (tab: Tab, expression: string): Promise<Readonly<Record<string, unknown>>> =>
  tab.send('Runtime.evaluate', { expression, userGesture: true, returnByValue: true })

describe('a page that missed every notice', () => {
  test.each([
    {
      name: 'in the back/forward cache',
      away: (tab: Tab) => tab.send('Page.navigate', { url: `${server.url}/elsewhere.html` }),
      // Its answer may be lost with the page that gives it.
      back: (tab: Tab) => evaluate(tab, 'history.back()').catch(() => {}),
      heard: 'pageshow true',
    },
    {
      name: 'while it was frozen',
      away: (tab: Tab) => tab.send('Page.setWebLifecycleState', { state: 'frozen' }),
      back: (tab: Tab) => tab.send('Page.setWebLifecycleState', { state: 'active' }),
      heard: 'resume',
    },
  ])('$name shows the log as it is as soon as it is back', async ({ away, back, heard }) => {
    // A notice would throw the page out of the cache.
    const one = await open('one', '&apart')
    await append(one, 'first')
    const two = await open('two', '&apart')
    await eventually(() => server.names(log)).toEqual(['first'])
    const written = ['first']
    /** Whether it is the same page, or none yet. A page that Chromium threw away after all begins anew. */
    const isSame = async (): Promise<boolean | undefined> => {
      if ((await one.call('lived')).includes(heard)) return true
      const { result } = await evaluate(one, 'globalThis.isMarked === true')
      return Object(result).value === true ? undefined : false
    }
    let isKept: boolean | undefined
    const look = async (): Promise<boolean | undefined> => {
      isKept = await isSame().catch(() => undefined)
      return isKept
    }
    for (let nth = 1; isKept !== true && nth <= triesMax; nth++) {
      await eventually(() => evaluate(one, 'globalThis.isMarked = true')).toMatchObject({ result: { value: true } })
      await away(one)
      const names = named(`two-${nth}`, 20)
      await append(two, ...names)
      written.push(...names)
      await eventually(() => server.names(log)).toEqual(written)
      await back(one)
      await expect.poll(look, { timeout: 30_000 }).toBeDefined()
    }
    expect(isKept).toBe(true)
    const held = await server.names(log)
    await eventually(() => one.call('names'), atOnceMs).toEqual(held)
    await eventually(() => one.call('seen'), atOnceMs).toEqual(held)
    await eventually(async () => (await one.call('shown')).at(-1)?.position).toBe(held.length)
    expect(held).toEqual(written)
  })
})

test('a duplicated tab, with a copy of the session storage, is a tab of its own: ids differ, all is there once', async () => {
  const one = await open('one')
  await evaluate(one, `sessionStorage.setItem('mark', 'of one'); open(location.href); 0`)
  const openedByOne = async (): Promise<readonly string[]> => {
    const { targetInfos } = await browser.send('Target.getTargets')
    const infos = targetInfos as readonly { readonly targetId: string; readonly openerId?: string }[]
    return infos.flatMap(({ targetId, openerId }) => (openerId === undefined ? [] : [targetId]))
  }
  await expect.poll(openedByOne, { timeout: 20_000 }).toHaveLength(1)
  const two: Tab = await browser.attach((await openedByOne())[0]!)
  opened.push(two)
  await eventually(async () => (await two.call('sync')).state).toBe('live')
  expect((await evaluate(two, `sessionStorage.getItem('mark')`)).result).toMatchObject({ value: 'of one' })
  const both = [write(one, 'one', 0), write(two, 'two', 0)]
  const least = (): number => Math.min(...both.map(({ acknowledged }) => acknowledged.length))
  await expect.poll(least, { timeout: 20_000 }).toBeGreaterThan(30)
  for (const writer of both) await writer.stop()
  const acknowledged = both.flatMap((writer) => writer.acknowledged)
  await allIsThereOnce(server, log, { acknowledged, tabs: [one, two] })
})

describe('a clock that is off by ten years', () => {
  test('changes nothing of the order: devices before and behind their time end with one log', async () => {
    const tabs = await Promise.all([
      open('true', '&paused'),
      newDevice().then((device) => open('ahead', `&paused&shift=${yearsMs}`, device)),
      newDevice().then((device) => open('behind', `&paused&shift=${-yearsMs}`, device)),
    ])
    const years = await Promise.all(tabs.map(async (tab) => new Date(await tab.call('now')).getFullYear()))
    expect(new Set(years).size).toBe(3)
    for (const [nth, tab] of tabs.entries()) await append(tab, ...named(`device-${nth}`, 5))
    const acknowledged: string[] = [0, 1, 2].flatMap((nth) => named(`device-${nth}`, 5))
    for (const tab of tabs) await tab.call('resume')
    await allIsThereOnce(server, log, { acknowledged, tabs })
    await append(tabs[2]!, 'more')
    await allIsThereOnce(server, log, { acknowledged: [...acknowledged, 'more'], tabs })
  })

  test('from one moment to the next stops neither a retry nor the one that follows the leader', async () => {
    const one = await open('one', `&shift=${yearsMs}`)
    const two = await open('two')
    await append(one, 'first')
    await eventually(() => server.names(log)).toEqual(['first'])
    server.stand(log, async () => new Response(null, { status: 503, headers: { 'retry-after': '1' } }))
    await append(one, 'second')
    await eventually(async () => (await two.call('sync')).state).toBe('waiting')
    await one.call('shift', -yearsMs)
    await eventually(async () => new Date(await one.call('now')).getFullYear() < 2020).toBe(true)
    await append(one, 'third')
    server.stand(log)
    await eventually(() => server.names(log)).toEqual(['first', 'second', 'third'])
    await two.show()
    await one.close()
    await append(two, 'fourth')
    await allIsThereOnce(server, log, { acknowledged: ['first', 'second', 'third', 'fourth'], tabs: [two] })
  })
})

describe('a worker that dies with calls in flight', () => {
  test.each(['killed', 'ends'] as const)(
    'when it is or does so (%s) is followed by another: each call is completed, no event is doubled, and sync goes on',
    async (how) => {
      const one = await open('one')
      const two = await open('two')
      const acknowledged: string[] = []
      for (const [round, afterMs] of [0, 1, 3, 7, 15].entries()) {
        const names = named(`round-${round}`, 5)
        const { appended, read } = await one.call('appendAndDie', names, afterMs, how)
        expect(appended).toEqual(names.map(() => expect.stringMatching(/\.0$/)))
        expect(read).toEqual(expect.any(Array))
        acknowledged.push(...names)
        await append(two, `two-${round}`)
        acknowledged.push(`two-${round}`)
      }
      expect(await one.call('workers')).toBe(6)
      await allIsThereOnce(server, log, { acknowledged, tabs: [one, two] })
    },
  )
})
