// What a model can't take, and what nobody can ask: each has a clear end, and everything else goes on.
import { isTidelogError, unwrap } from 'tidelog'
import { defineReadModel } from 'tidelog/read-model'
import { describe, expect, test } from 'vitest'
import { counted, openStock, products, rowsIn, type StockTab, stageForEach } from './stage.ts'
import { define, events, type Stock, stock, stockModel } from './stock.ts'

const parked = (error: unknown) => isTidelogError(error, 'tidelog/parked')
const argument = (error: unknown) => isTidelogError(error, 'tidelog/argument')
const broken = (productId = 'p001') => events.Broken({ productId, how: 'so' })

const poisons: Readonly<Record<string, () => unknown>> = {
  'a handler that throws': () => {
    throw new Error('not this one')
  },
  'a promise': () => Promise.resolve(1),
  'what is not JSON': () => ({ name: '', count: 1, tags: [new Date(0)], changes: 0 }),
  'a key that can not be': () => ({ name: '', count: Number.NaN, tags: ['\ud800'], changes: 0 }),
  'keys that are no list': () => ({ name: '', count: 1, tags: 7, changes: 0 }),
}

export function describePoison(): void {
  const { stage } = stageForEach()
  const until = (isSo: () => boolean) => stage().until(isSo)

  describe('an event that a model can not take', () => {
    test.each(Object.entries(poisons))('CART-B parks it and nothing else: %s', async (_, answer) => {
      const tab = openStock(stage())
      let isMended = false
      const model = stockModel({ broken: (row) => (isMended ? row : answer()) })
      unwrap(await tab.log.append([...products(3), broken(), counted('p002', 9)]))
      const [rows, other] = [rowsIn(tab, model), rowsIn(tab, { ...stock, name: 'other' } as typeof stock)]
      await expect(rows.get('p000')).rejects.toSatisfy(parked)
      await until(() => rows.status.get().state === 'parked' && other.status.get().state === 'current')
      const bad = (await tab.log.read({ query: { types: ['Broken'] } }).all()).events[0]
      expect(rows.status.get().problem).toMatchObject({ eventId: bad?.id, position: 4 })
      for (const ask of [() => rows.find(), () => rows.count(), () => rows.find({ index: 'count' })])
        await expect(ask()).rejects.toSatisfy(parked)
      unwrap(await tab.log.append([counted('p002', 10)]))
      expect(await other.get('p002')).toMatchObject({ count: 10 })
      isMended = true
      await rows.retry()
      expect(await rows.get('p002')).toMatchObject({ count: 10, changes: 3 })
      await until(() => rows.status.get().state === 'current')
      expect(rows.status.get().problem).toBe(undefined)
    })

    test('CART-B parks it where its ids can not be, and where its data can not be brought up', async () => {
      const tab = openStock(stage())
      unwrap(await tab.log.append(products(2)))
      const on = { Counted: () => ({ count: 1 }) }
      for (const ids of [() => '', () => 7, () => ['a', '\ud800'], () => undefined, () => [['a']]]) {
        const name = `n${Math.abs(JSON.stringify([ids.toString()]).length)}${ids.toString().replace(/\W/g, '')}`
        const rows = rowsIn(
          tab,
          define.readModel({ name, version: 1, ids: ids as () => string, on }) as unknown as typeof stock,
        )
        await expect(rows.find()).rejects.toSatisfy(parked)
        await rows.close()
      }
    })

    test('CART-B ends when a new version can take it, and its rows before that stay', async () => {
      const tab = openStock(stage())
      const sick = stockModel({ broken: poisons['a handler that throws']! })
      unwrap(await tab.log.append([...products(3), broken()]))
      await expect(rowsIn(tab, sick).find()).rejects.toSatisfy(parked)
      await until(() => rowsIn(tab, sick).status.get().state === 'parked')
      const sound = stockModel({ version: 2, broken: (row) => ({ ...(row as Stock), name: 'mended' }) })
      expect(await rowsIn(tab, sound).get('p001')).toMatchObject({ name: 'mended' })
      await until(() => rowsIn(tab, sound).status.get().state === 'current')
    })

    test('CART-B that is pending parks it until it is withdrawn', async () => {
      const tab = openStock(stage(), { isSynced: true })
      const model = stockModel({ broken: poisons['a handler that throws']! })
      unwrap(await tab.log.append(products(3)))
      await stage().pass(3_000)
      stage().offline()
      const rows = rowsIn(tab, model)
      await until(() => rows.status.get().state === 'current')
      const { receipt } = unwrap(await tab.log.append([broken()]))
      const live = rows.live()
      await expect(rows.get('p000')).rejects.toSatisfy(parked)
      await expect(live.ready).rejects.toSatisfy(parked)
      expect(rows.status.get().state).toBe('parked')
      await tab.log.withdraw(receipt)
      expect(await rows.count()).toBe(3)
      await until(() => live.get()?.rows.length === 3)
      expect([live.error(), rows.status.get().state]).toEqual([undefined, 'current'])
    })

    test('that a rebuild meets leaves the rows that are there readable', async () => {
      const tab = openStock(stage())
      let isSick = false
      const model = stockModel({
        broken: (row) => {
          if (isSick) throw new Error('sick')
          return row
        },
      })
      unwrap(await tab.log.append([...products(3), broken()]))
      const rows = rowsIn(tab, model)
      await until(() => rows.status.get().state === 'current')
      isSick = true
      await expect(stage().during(rows.reset())).rejects.toSatisfy(parked)
      expect(await rows.get('p001')).toMatchObject({ count: 1 })
      isSick = false
      await rows.retry()
      await until(() => rows.status.get().state === 'current')
      expect(await rows.count()).toBe(3)
    })
  })

  describe('what makes no sense', () => {
    const queries: readonly object[] = [
      { index: 'price' },
      { index: 'toString' },
      { limit: 0 },
      { limit: 1.5 },
      { order: 'up' },
      { equals: 'a', prefix: 'a' },
      { equals: 'a', from: 'a' },
      { prefix: 'a', to: 'b' },
      { equals: 7 },
      { from: 7 },
      { to: true },
      { prefix: 7 },
      { index: 'count', equals: Number.NaN },
      { index: 'count', prefix: 1 },
      { index: 'name', from: '\ud800' },
      { index: 'name', to: 'x'.repeat(2_000) },
      { after: 'nonsense' },
      { after: '%' },
      { index: 'name', after: encodeURIComponent('["","a"]') },
      { where: 1 },
    ]
    test.each(queries.map((query) => [JSON.stringify(query), query]))('is refused in a query: %s', async (_, query) => {
      const rows = rowsIn(openStock(stage()))
      await expect(rows.find(query)).rejects.toSatisfy(argument)
      expect(() => rows.live(query)).toThrow()
    })

    const sound = { name: 'x', version: 1, ids: () => 'a', on: { Counted: () => 1 } }
    const definitions: readonly object[] = [
      { name: '' },
      { name: 'x'.repeat(65) },
      { name: '\ud800' },
      { version: 0 },
      { version: 1.5 },
      { on: {} },
      { on: { Nothing: () => 1 } },
      { on: { Counted: 1 } },
      { ids: {} },
      { ids: 'a' },
      { query: { types: [] } },
      { stream: '' },
      { indexes: { a: 1 } },
      { indexes: { '': () => [] } },
      { upgrade: 1 },
      { index: {} },
    ]
    test.each(definitions.map((part) => [JSON.stringify(part), part]))('is refused in a definition: %s', (_, part) => {
      expect(() => defineReadModel(events, { ...sound, ...part } as never)).toThrow(
        expect.objectContaining({ code: 'tidelog/argument' }),
      )
      const { log } = openStock(stage())
      expect(() => rowsIn({ log } as StockTab, { ...sound, ...part, events } as never)).toThrow(
        expect.objectContaining({ code: 'tidelog/argument' }),
      )
    })

    test('is refused as an id, a log and a marker', async () => {
      const rows = rowsIn(openStock(stage()))
      for (const id of ['', 7, undefined, '\ud800']) await expect(rows.get(id as string)).rejects.toSatisfy(argument)
      expect(() => rowsIn({ log: {} } as StockTab)).toThrow(expect.objectContaining({ code: 'tidelog/argument' }))
      await expect(rows.waitFor({ database: 'other', revision: 1, confirmed: 1 })).rejects.toSatisfy(argument)
    })
  })
}
