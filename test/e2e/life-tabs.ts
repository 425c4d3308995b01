// Tabs of the fixture `life`, what is acknowledged to them, and what has to be so in the end.
import { expect } from 'vitest'
import type { TabApi } from './fixtures/life/main.ts'
import type { Shown } from './fixtures/life/model.ts'
import type { LifeServer } from './life-server.ts'
import type { RawBrowser, RawTab } from './raw-chromium.ts'

export type Tab = RawTab<TabApi>

/** An assertion on what is so in the end. A question to a page that is still loading has no answer yet. */
export const eventually = <T>(read: () => Promise<T>, timeout = 30_000): ReturnType<typeof expect.poll<T | string>> =>
  expect.poll(() => read().catch(String), { timeout, interval: 50 })

/** Appends one after the other in a tab until it is told to stop, or the tab is gone. */
export interface Writer {
  readonly acknowledged: readonly string[]
  /** The longest that one append took. */
  readonly slowestMs: () => number
  readonly stop: () => Promise<void>
}
export function write(tab: Tab, name: string, pauseMs = 20): Writer {
  const acknowledged: string[] = []
  let slowestMs = 0
  let isStopped = false
  const run = async (): Promise<void> => {
    for (let nth = 1; !isStopped; nth++) {
      const start = performance.now()
      const answer = await tab.call('append', `${name}-${nth}`)
      if (!answer.includes('.')) throw new Error(`${name} was answered ${answer}`)
      acknowledged.push(`${name}-${nth}`)
      slowestMs = Math.max(slowestMs, performance.now() - start)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  // A tab that is gone answers nothing more.
  const over = run().catch(() => {})
  return {
    acknowledged,
    slowestMs: () => slowestMs,
    stop: () => {
      isStopped = true
      return over
    },
  }
}

/** All that was acknowledged is on the server, each once, and every tab shows what the server holds, in its order. */
export async function allIsThereOnce(
  server: LifeServer,
  log: string,
  { acknowledged, tabs }: { readonly acknowledged: readonly string[]; readonly tabs: readonly Tab[] },
): Promise<void> {
  const missing = async (): Promise<readonly string[]> => {
    const held = new Set(await server.names(log))
    return acknowledged.filter((name) => !held.has(name))
  }
  await expect.poll(missing, { timeout: 30_000, interval: 100 }).toEqual([])
  for (const tab of tabs) await eventually(async () => (await tab.call('sync')).synced).toBe(true)
  const held = await server.names(log)
  expect(held.filter((name, at) => held.indexOf(name) !== at)).toEqual([])
  for (const tab of tabs) {
    await eventually(() => tab.call('names')).toEqual(held)
    expect(await tab.call('read')).toEqual(held)
    const shown: readonly Shown[] = await tab.call('shown')
    expect(shown.map(({ position }) => position)).toEqual(held.map((_, at) => at + 1))
    expect(new Set(shown.map(({ id }) => id)).size).toBe(held.length)
  }
}

/** The process that a tab lives in: the one that works when the tab does. */
export async function processOf(browser: RawBrowser, tab: Tab): Promise<number> {
  const times = async (): Promise<ReadonlyMap<number, number>> => {
    const { processInfo } = await browser.send('SystemInfo.getProcessInfo')
    const found = processInfo as readonly { readonly type: string; readonly id: number; readonly cpuTime: number }[]
    return new Map(found.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => [id, cpuTime]))
  }
  const before = await times()
  await tab.call('spin', 500)
  const worked = [...(await times())].map(([id, time]) => [id, time - (before.get(id) ?? 0)] as const)
  worked.sort(([, one], [, other]) => other - one)
  return worked[0]![0]
}
