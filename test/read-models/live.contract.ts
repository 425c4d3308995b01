// What follows the log: live queries, waiting, and what is given to whom.
import { isTidelogError, unwrap } from 'tidelog'
import { openReadModel } from 'tidelog/read-model'
import { describe, expect, test } from 'vitest'
import { counted, named, openStock, products, rowsIn, stageForEach } from './stage.ts'
import { events, stock } from './stock.ts'

export function describeLive(): void {
  const { stage } = stageForEach()

  describe('a live query', () => {
    test('shows what another tab wrote, and the same object until its rows are others', async () => {
      const [tab, other] = [openStock(stage()), openStock(stage())]
      unwrap(await tab.log.append(products(5)))
      const live = rowsIn(tab).live({ index: 'count', order: 'descending', limit: 2 })
      let told = 0
      live.subscribe(() => told++)
      const first = await live.ready
      expect([first.rows.map(({ id }) => id), live.get() === first]).toEqual([['p004', 'p003'], true])
      told = 0
      unwrap(await other.log.append([counted('p000', 1), events.Looked({ productId: 'p004' })]))
      await stage().pass(3_000)
      expect([live.get() === first, told]).toEqual([true, 0])
      unwrap(await other.log.append([counted('p000', 50)]))
      await stage().until(() => live.get() !== first)
      expect([live.get()?.rows.map(({ id }) => id), told]).toEqual([['p000', 'p004'], 1])
      const seen = live.get()
      live.close()
      unwrap(await tab.log.append([counted('p000', 51)]))
      await stage().pass(1_000)
      expect([live.get(), isTidelogError(live.error(), 'tidelog/log-closed')]).toEqual([seen, true])
    })

    test('shows what is pending, and takes it back when it is withdrawn', async () => {
      const tab = openStock(stage(), { isSynced: true })
      stage().offline()
      const live = rowsIn(tab).live()
      expect((await live.ready).rows).toEqual([])
      const { receipt } = unwrap(await tab.log.append([counted('p1', 1)]))
      await stage().until(() => live.get()?.rows.length === 1)
      await tab.log.withdraw(receipt)
      await stage().until(() => live.get()?.rows.length === 0)
      expect(live.get()?.rows).toEqual([])
    })
  })

  describe('an open model', () => {
    test('is one for a log and a model until it is closed', async () => {
      const { log } = openStock(stage())
      const rows = openReadModel(log, stock)
      expect(openReadModel(log, stock)).toBe(rows)
      expect(openReadModel(openStock(stage()).log, stock)).not.toBe(rows)
      const live = rows.live()
      await rows.close()
      expect(rows.status.get().state).toBe('closed')
      await expect(rows.find()).rejects.toSatisfy((error) => isTidelogError(error, 'tidelog/log-closed'))
      expect(isTidelogError(live.error(), 'tidelog/log-closed')).toBe(true)
      const again = openReadModel(log, stock)
      expect(again).not.toBe(rows)
      expect(await again.count()).toBe(0)
    })

    test('CART-8 answers for what it was told to wait for, with the head that it stands at', async () => {
      const [tab, other] = [openStock(stage()), openStock(stage())]
      const { receipt } = unwrap(await other.log.append([counted('p1', 1)]))
      const rows = rowsIn(tab)
      await rows.waitFor(receipt)
      await rows.waitFor(receipt.head, { timeoutMs: 10 })
      const { head } = await rows.find()
      expect(head).toEqual((await tab.log.logHead()).marker)
      const condition = { failIfEventsMatch: { types: ['Counted'] }, after: head } as const
      expect(await tab.log.append([counted('p1', 2)], condition)).toMatchObject({ ok: true })
      expect(await tab.log.append([counted('p1', 3)], condition)).toMatchObject({ ok: false })
      const never = rows.waitFor({ ...head, revision: head.revision + 100 }, { timeoutMs: 50 })
      await expect(stage().during(never)).rejects.toSatisfy((error) => isTidelogError(error, 'tidelog/timeout'))
    })

    test('gives rows that nobody can change, from the log and from the disk', async () => {
      const tab = openStock(stage())
      unwrap(await tab.log.append([named('p1', 'one', 'a')]))
      const rows = rowsIn(tab)
      for (let round = 0; round < 2; round++) {
        const row = await rows.get('p1')
        const [found] = (await rows.find({ index: 'name' })).rows
        for (const one of [row, found?.row]) {
          expect([Object.isFrozen(one), Object.isFrozen(one?.tags)]).toEqual([true, true])
        }
        await stage().until(() => rows.status.get().state === 'current')
      }
    })

    test('does not take the whole of an index to give its last rows', async () => {
      const tab = openStock(stage())
      for (let from = 0; from < 6; from++) unwrap(await tab.log.append(products(500, from * 500)))
      const rows = rowsIn(tab)
      await stage().until(() => rows.status.get().state === 'current')
      for (const options of [{}, { index: 'count' }, { index: 'name' }, { index: 'both', prefix: [''] }]) {
        tab.looked.length = 0
        const found = await rows.find({ ...options, order: 'descending', limit: 3 })
        const expected =
          options.index === 'count' || options.index === 'both' ? ['p2999', 'p2998', 'p2997'] : ['p999', 'p998', 'p997']
        expect(found.rows.map(({ id }) => id)).toEqual(expected)
        expect(tab.looked.length).toBeLessThan(25)
        expect(tab.looked.reduce((sum, rows) => sum + rows, 0)).toBeLessThan(700)
      }
    })
  })
}
