// Subscriptions in tabs that are closed, crash, are left, frozen, or kept in the back/forward cache.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Listening, listen } from 'tidelog/server/node'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { TabApi } from './fixtures/subscriptions/main.ts'
import { makeFolder } from './folders.ts'
import { type RawBrowser, type RawTab, startRawBrowser } from './raw-chromium.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { eventually } from './shop.ts'

type Tab = RawTab<TabApi>

/** Below the three seconds after which a tab that waits would throw a page out of the back/forward cache. */
const takeOverMs = 2_000
/** A tab that waits has thrown a page out of it by then. */
const nudgedMs = 6_000
/** Far below the time between two looks without a notice. */
const atOnceMs = 1_500

const folder = makeFolder()
let recorder: Recorder
let server: Listening
let browser: RawBrowser
let key: string
let opened: Tab[]

beforeAll(async () => {
  const root = fileURLToPath(new URL('fixtures/subscriptions', import.meta.url))
  const app = join(folder.path, 'app')
  await build({ configFile: false, logLevel: 'error', root, worker: { format: 'es' }, build: { outDir: app } })
  recorder = startRecorder()
  server = await listen({ handler: recorder.handler, port: 0, staticDir: app })
  browser = await startRawBrowser(join(folder.path, 'profile'))
})
beforeEach(() => {
  key = crypto.randomUUID()
  opened = []
})
afterEach(async () => {
  recorder.letGo()
  for (const tab of opened) await tab.close().catch(() => {})
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  folder.remove()
})

const open = async (name: string, flags = ''): Promise<Tab> => {
  const tab = await browser.openTab<TabApi>(`${server.url}/?log=${key}&tab=${name}${flags}`)
  opened.push(tab)
  return tab
}
/** A question to a page that is still loading has no answer yet. */
const state = (tab: Tab): Promise<string> => tab.call('state').catch(String)
const states = (...tabs: readonly Tab[]): Promise<readonly string[]> => Promise.all(tabs.map(state))
const seen = (tab: Tab): Promise<unknown> => tab.call('seen').catch(String)
/** Opens tabs one after the other: the first runs the consumer, the others wait. */
async function openInTurn(one: string, ...others: readonly string[]): Promise<Tab[]> {
  const tabs = [await open('one', one)]
  await eventually(() => state(tabs[0]!)).toBe('live')
  for (const [nth, flags] of others.entries()) {
    const tab = await open(['two', 'three'][nth]!, flags)
    await eventually(() => state(tab)).toBe('waiting')
    tabs.push(tab)
  }
  return tabs
}
const upTo = (last: number, from = 1): readonly number[] =>
  Array.from({ length: last - from + 1 }, (_, at) => from + at)
const handledBy = (name: string): readonly number[] => recorder.handled(key, name)
/** Appends, and waits until the tab that runs the consumer has handled and kept up to there. */
async function handleUpTo(position: number, { runner, by = runner }: { runner: Tab; by?: Tab }): Promise<void> {
  await by.call('append', position - (await runner.call('checkpoint')))
  await eventually(() => runner.call('checkpoint')).toBe(position)
}
const leave = (tab: Tab): Promise<unknown> => tab.send('Page.navigate', { url: `${server.url}/elsewhere.html` })
const goBack = (tab: Tab): Promise<unknown> => tab.send('Runtime.evaluate', { expression: 'history.back()' })
/** Resolves when the page has been told that it is frozen. */
async function freeze(tab: Tab): Promise<void> {
  const before = recorder.frozen(key)
  await tab.send('Page.setWebLifecycleState', { state: 'frozen' })
  await eventually(() => recorder.frozen(key)).toBe(before + 1)
}
const resume = (tab: Tab): Promise<unknown> => tab.send('Page.setWebLifecycleState', { state: 'active' })
/** Does something, and answers how long it took until something is so. */
async function timed(act: () => Promise<unknown>, isSo: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await act()
  await isSo()
  return performance.now() - start
}
const takesOver = (tab: Tab) => (): Promise<void> => eventually(() => state(tab)).toBe('live')

const endings: readonly { readonly name: string; readonly end: (tab: Tab) => Promise<unknown> }[] = [
  { name: 'is closed', end: (tab) => tab.close() },
  { name: 'is navigated away', end: leave },
  // A crash is not answered.
  { name: 'crashes', end: async (tab) => void tab.send('Page.crash').catch(() => {}) },
]

describe('two tabs with one consumer', () => {
  test('one runs it, and the other goes on when its tab is closed: each event once', async () => {
    const [one, two] = (await openInTurn('', '')) as [Tab, Tab]
    await handleUpTo(10, { runner: one, by: two })
    await handleUpTo(20, { runner: one })
    expect(await states(one, two)).toEqual(['live', 'waiting'])
    const ms = await timed(one.close, takesOver(two))
    await handleUpTo(30, { runner: two })
    expect([handledBy('one'), handledBy('two')]).toEqual([upTo(20), upTo(30, 21)])
    expect(ms).toBeLessThan(takeOverMs)
  })

  test.each(endings)(
    'the other takes over when its tab $name in the midst of events: each at least once',
    async ({ end }) => {
      const [one, two] = (await openInTurn('&uncached', '')) as [Tab, Tab]
      await handleUpTo(10, { runner: one, by: two })
      recorder.hold(key, 'one', 20)
      await two.call('append', 20)
      await eventually(() => handledBy('one')).toEqual(upTo(20))
      expect(handledBy('two')).toEqual([])
      const ms = await timed(
        () => end(one),
        () => eventually(() => handledBy('two').length).toBeGreaterThan(0),
      )
      await eventually(() => two.call('checkpoint')).toBe(30)
      const [first = 0] = handledBy('two')
      // Behind the checkpoint, and never behind what nobody has handled.
      expect(first).toBeGreaterThan(10)
      expect(first).toBeLessThanOrEqual(20)
      expect([handledBy('one'), handledBy('two')]).toEqual([upTo(20), upTo(30, first)])
      expect(ms).toBeLessThan(takeOverMs)
    },
  )
})

describe('a page in the back/forward cache', () => {
  test('has let its consumer go, and when it is back it waits for it again and misses nothing', async () => {
    // Notices would throw the page out of the cache.
    const [one, two, three] = (await openInTurn('', '&apart', '&apart')) as [Tab, Tab, Tab]
    await handleUpTo(10, { runner: one })
    const ms = await timed(() => leave(one), takesOver(two))
    await handleUpTo(20, { runner: two })
    await goBack(one)
    await eventually(() => one.call('lived').catch(String)).toContain('pageshow true')
    await eventually(() => seen(one), atOnceMs).toEqual(upTo(20))
    await eventually(() => states(one, two, three)).toEqual(['waiting', 'live', 'waiting'])

    await three.close()
    expect(await two.call('stop')).toBe('stopped')
    await takesOver(one)()
    await handleUpTo(30, { runner: one })
    expect([handledBy('one'), handledBy('two')]).toEqual([[...upTo(10), ...upTo(30, 21)], upTo(20, 11)])
    expect(await seen(one)).toEqual(upTo(30))
    expect(ms).toBeLessThan(takeOverMs)
  })

  test('is loaded anew when there were notices meanwhile, and misses nothing', async () => {
    const [one, two] = (await openInTurn('', '')) as [Tab, Tab]
    await handleUpTo(10, { runner: one })
    await leave(one)
    await takesOver(two)()
    await handleUpTo(20, { runner: two })
    await goBack(one)
    await eventually(() => state(one)).toBe('waiting')
    expect(await one.call('lived')).toEqual(['pageshow false'])
    await two.close()
    await takesOver(one)()
    await handleUpTo(30, { runner: one })
    expect([handledBy('one'), handledBy('two')]).toEqual([[...upTo(10), ...upTo(30, 21)], upTo(20, 11)])
    expect(await seen(one)).toEqual(upTo(30))
  })

  test('does not stand in the way of others when it waited for the consumer', async () => {
    const [one, two, three] = (await openInTurn('', '', '')) as [Tab, Tab, Tab]
    await handleUpTo(10, { runner: one })
    await leave(two)
    const ms = await timed(one.close, takesOver(three))
    await handleUpTo(20, { runner: three })
    expect(handledBy('three')).toEqual(upTo(20, 11))
    expect(ms).toBeLessThan(nudgedMs)
  })
})

describe('a frozen page', () => {
  test.each([
    { name: 'whose notices waited for it', flags: '' },
    { name: 'whose notices were lost', flags: '&apart' },
  ])('has let its consumer go, and catches up at once when it is resumed: one $name', async ({ flags }) => {
    const [one, two] = (await openInTurn('', flags)) as [Tab, Tab]
    await handleUpTo(10, { runner: one })
    const takeOver = await timed(() => freeze(one), takesOver(two))
    await handleUpTo(40, { runner: two })
    const catchUp = await timed(
      () => resume(one),
      () => eventually(() => seen(one)).toEqual(upTo(40)),
    )
    expect(await one.call('lived')).toEqual(expect.arrayContaining(['freeze hidden', 'resume hidden']))
    await eventually(() => states(one, two)).toEqual(['waiting', 'live'])

    await two.close()
    await takesOver(one)()
    await handleUpTo(50, { runner: one })
    expect([handledBy('one'), handledBy('two')]).toEqual([[...upTo(10), ...upTo(50, 41)], upTo(40, 11)])
    expect(await seen(one)).toEqual(upTo(50))
    expect(takeOver).toBeLessThan(takeOverMs)
    expect(catchUp).toBeLessThan(atOnceMs)
  })

  test('with an event in hand takes nothing back when it is resumed', async () => {
    const [one, two] = (await openInTurn('', '')) as [Tab, Tab]
    await handleUpTo(10, { runner: one })
    recorder.hold(key, 'one', 15)
    await two.call('append', 10)
    await eventually(() => handledBy('one')).toEqual(upTo(15))
    await freeze(one)
    await eventually(() => two.call('checkpoint').catch(String)).toBe(20)
    const [first = 0] = handledBy('two')
    expect([handledBy('one'), handledBy('two')]).toEqual([upTo(15), upTo(20, first)])
    expect(first).toBeLessThanOrEqual(15)
    recorder.letGo()
    await resume(one)
    await eventually(() => state(one)).toBe('waiting')
    await two.close()
    await takesOver(one)()
    await handleUpTo(30, { runner: one })
    expect(handledBy('one')).toEqual([...upTo(15), ...upTo(30, 21)])
  })

  test('that was waiting for the consumer does not stand in the way of others', async () => {
    const [one, two, three] = (await openInTurn('', '', '')) as [Tab, Tab, Tab]
    await freeze(two)
    const ms = await timed(one.close, takesOver(three))
    await resume(two)
    await eventually(() => state(two)).toBe('waiting')
    expect(await two.call('lived')).toContain('freeze hidden')
    expect(ms).toBeLessThan(takeOverMs)
  })

  test('that was about to run the consumer does not run it beside another tab when it is resumed', async () => {
    const one = await open('one', '&hesitant')
    await eventually(() => state(one)).toBe('starting')
    const two = await open('two')
    await eventually(() => state(two)).toBe('waiting')
    await freeze(one)
    await takesOver(two)()
    await resume(one)
    await one.call('begin')
    await handleUpTo(10, { runner: two })
    await eventually(() => state(one)).toBe('waiting')
    expect([handledBy('one'), handledBy('two')]).toEqual([[], upTo(10)])
  })
})

describe('a page that no notice reaches', () => {
  test('looks at the log at once when it is looked at', async () => {
    const [one, two] = (await openInTurn('', '')) as [Tab, Tab]
    await handleUpTo(1, { runner: one, by: two })
    await eventually(() => seen(one)).toEqual([1])
    await one.call('deafen')
    await two.call('append', 9)
    await eventually(() => seen(two)).toEqual(upTo(10))
    expect([await seen(one), handledBy('one')]).toEqual([[1], [1]])
    const ms = await timed(one.show, () => eventually(() => handledBy('one')).toEqual(upTo(10)))
    expect(await seen(one)).toEqual(upTo(10))
    expect((await one.call('lived')).slice(-2)).toEqual(['visibilitychange hidden', 'visibilitychange visible'])
    expect(ms).toBeLessThan(atOnceMs)
  })
})
