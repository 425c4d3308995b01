// Subscriptions in any weather: notices lost and garbled, time that jumps, tabs that write at once, consumers that come and go.
import { unwrap } from 'tidelog'
import { type Subscription, subscribe } from 'tidelog/subscribe'
import { seededRandom } from 'tidelog/testing'
import { describe, expect, test } from 'vitest'
import { shop } from '../types/shop.ts'
import { quiet, until } from './harness.ts'
import { added, type ShopTab, upTo, useBrowser } from './shop-tab.ts'

interface Followed {
  readonly got: number[]
  readonly from: number
  subscription: Subscription
}

export function describeWeather(): void {
  describe('in any weather', () => {
    const { openTab, browser } = useBrowser()

    test.each([1, 2, 3])('TS-B every subscription sees every event once and in order, seed %i', async (seed) => {
      const random = seededRandom(seed)
      const pick = (count: number): number => Math.floor(random.fraction() * count)
      const tabs = [openTab(), openTab(), openTab()] as const
      const tab = (): ShopTab => tabs[pick(3)] as ShopTab
      let appended = 0
      const append = async () => {
        const count = 1 + pick(4)
        appended += count
        unwrap(await tab().log.append(upTo(count).map((nth) => added(`${nth}`, `${pick(3)}`))))
      }
      const followed: Followed[] = []
      const follow = () => {
        const got: number[] = []
        const bufferMax = 1 + pick(12)
        const isSlow = pick(3) === 0
        const handler = async ({ position }: { position: number | undefined }) => {
          if (isSlow) await quiet()
          got.push(position ?? 0)
        }
        const from = pick(appended + 1)
        followed.push({ got, from, subscription: subscribe(tab().log, { from, bufferMax }, handler) })
      }
      const acts: readonly (() => unknown)[] = [
        append,
        append,
        append,
        follow,
        () => tab().deafen(true),
        () => tab().deafen(false),
        () => browser().babble(shop),
        () => browser().pass(3_100),
        quiet,
      ]
      follow()
      for (let step = 0; step < 60; step++) await (acts[pick(acts.length)] as () => unknown)()
      for (const each of tabs) each.deafen(false)
      await append()
      // At the latest when nothing was heard for a minute.
      await browser().pass(61_000)
      await until(() => followed.every(({ got, from }) => got.length >= appended - from), 'all events')
      await quiet()
      for (const { got, from } of followed) expect(got).toEqual(upTo(appended, from + 1))
      for (const { subscription } of followed) expect(subscription.status.get()).toMatchObject({ lag: { events: 0 } })
    })
  })
}
