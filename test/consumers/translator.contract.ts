// Translators: what comes from other systems, each message once in effect.
import { createTranslator } from 'tidelog/automation'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Harness, storageLost } from './harness.ts'
import { events, market } from './market.ts'

export function describeTranslator(): void {
  let browser: Harness
  beforeEach(() => {
    browser = new Harness()
  })
  afterEach(() => browser.close())
  const openTab = () => browser.openTab(market())
  type MarketTab = ReturnType<typeof openTab>
  const typesIn = async ({ log }: MarketTab) => (await log.read().all()).events.map(({ type }) => type)

  describe('a translator', () => {
    const prices = (tab: MarketTab) =>
      createTranslator(tab.log, 'erp', (message) => {
        const { productId, price } = message as { productId?: string; price?: number }
        if (productId === undefined) return undefined
        if (price === undefined) throw new Error('no price')
        return [events.PriceNoted({ productId, price })]
      })

    test('CART-6 brings each message of a source in once: its offset is kept in the write of its events', async () => {
      const tab = openTab()
      const translator = prices(tab)
      expect(await translator.last()).toBeUndefined()
      expect(await translator.receive({ productId: 'p', price: 1 }, 7)).toBe('taken')
      expect(await translator.receive({ productId: 'p', price: 1 }, 7)).toBe('bypassed')
      expect(await translator.receive({ productId: 'q', price: 1 }, 3)).toBe('bypassed')
      expect(await translator.receive({}, 8)).toBe('passed')
      expect(await translator.last()).toBe(8)
      const [, call] = tab.appended[0] ?? []
      expect(JSON.parse(call ?? '{}').keep).toMatchObject({ put: [{ chain: 'source/erp/', n: 7 }] })
      // Two tabs that are handed the same message.
      const other = prices(openTab())
      const both = await Promise.all([translator, other].map((one) => one.receive({ productId: 'r', price: 2 }, 9)))
      expect(both).toContain('taken')
      expect(await typesIn(tab)).toEqual(['PriceNoted', 'PriceNoted'])
    })

    test('CART-6 records a message that it does not understand, and goes on', async () => {
      const tab = openTab()
      const translator = prices(tab)
      const lost = { productId: 'p' }
      expect(await translator.receive(lost, 1)).toBe('recorded')
      expect(await translator.receive({ productId: 'q', price: 1 }, 2)).toBe('taken')
      expect(await translator.untranslated()).toMatchObject([
        { source: 'erp', offset: 1, message: lost, problem: 'no price' },
      ])
      await translator.discard(1)
      expect(await translator.untranslated()).toEqual([])
      tab.refuseToAppend(storageLost())
      await expect(translator.receive({ productId: 'r', price: 1 }, 3)).rejects.toThrow('no storage')
      tab.refuseToAppend(undefined)
      expect(await translator.receive({ productId: 'r', price: 1 }, 3)).toBe('taken')
      expect(await typesIn(tab)).toEqual(['PriceNoted', 'PriceNoted'])
    })
  })
}
