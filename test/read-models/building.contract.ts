// How rows come to be and are built anew: in steps, beside the old ones, by whoever is there.
import { type Events, type Fact, unwrap } from 'tidelog'
import { openReadModel, type ReadModel } from 'tidelog/read-model'
import { describe, expect, test } from 'vitest'
import { counted, named, noLocks, openStock, products, rowsIn, type StockTab, stageForEach } from './stage.ts'
import { define, events, findPlainly, foldPlainly, type Stock, shop, stock, stockModel } from './stock.ts'

const append = async ({ log }: Pick<StockTab, 'log'>, facts: readonly Fact<Kinds>[]) => unwrap(await log.append(facts))
type Kinds = typeof events extends Events<infer M> ? M : never
/** Every row, as it is given and as it has to be. */
async function mustBeRight(tab: StockTab, model = stock): Promise<void> {
  const expected = await foldPlainly(tab.log)
  for (const options of [{}, { index: 'count', from: 3 }, { index: 'both', order: 'descending' }] as const)
    expect((await rowsIn(tab, model).find(options)).rows).toEqual(findPlainly(expected, options))
}
const rowsOf = async (tab: StockTab) =>
  (await tab.listKept('rows/in/')).map(({ chain, value }) => [chain.split('/')[4], value])
const generations = async (tab: StockTab) => [
  ...new Set(
    (await tab.listKept('rows/in/')).map(
      ({ chain }) => `${Number.parseInt(chain.split('/')[3] ?? '', 10)}:${Number(chain.split('/')[4])}`,
    ),
  ),
]
const writes = ({ kept }: StockTab) =>
  kept.filter(({ add = [] }) => add.some(({ chain }) => chain.startsWith('rows/at/')))

export function describeBuilding(): void {
  const { stage } = stageForEach()
  const isCurrent = (tab: StockTab, model = stock) =>
    stage().until(() => rowsIn(tab, model).status.get().state === 'current', 'rows')

  /** Old rows have gone. To list rows takes longer than to delete some. */
  const swept = (tab: StockTab) =>
    stage().until(async () => {
      await stage().pass(3_000)
      return (await generations(tab)).length === 1
    })

  describe('rows', () => {
    test('CART-8 and their checkpoint are one write, and what is written once is not written again', async () => {
      const tab = openStock(stage())
      await append(tab, [...products(5), named('p001', 'one', 'a', 'b')])
      rowsIn(tab)
      await isCurrent(tab)
      const first = writes(tab).length
      for (const { add = [] } of writes(tab)) expect(add).toHaveLength(1)
      await stage().pass(120_000)
      expect(writes(tab)).toHaveLength(first)
      await append(tab, [counted('p001', 7)])
      await stage().until(() => writes(tab).length > first)
      await stage().pass(5_000)
      const [last, ...more] = writes(tab).slice(first)
      expect(more).toEqual([])
      // The row, its two keys that are others now, and the two that are no more.
      expect([last?.put?.map(({ value }) => value), last?.delete?.length]).toEqual([
        [JSON.stringify({ name: 'one', count: 7, tags: ['a', 'b'], changes: 3 }), 'p001', 'p001'],
        3,
      ])
      await mustBeRight(tab)
    })

    test('CART-8 stay right while two tabs write them at once and no lock keeps them apart', async () => {
      stage().locks = noLocks
      const tabs = [openStock(stage()), openStock(stage())]
      for (const tab of tabs) rowsIn(tab)
      for (let round = 0; round < 12; round++) {
        await Promise.all(
          tabs.map((tab, at) =>
            append(tab, [counted(`p${(round + at) % 5}`, round), named(`p${at}`, `${round}`, 'x')]),
          ),
        )
        await stage().pass(700)
        for (const tab of tabs) await mustBeRight(tab)
      }
      // Both have tried, and some of it was refused.
      for (const tab of tabs) expect(writes(tab).length).toBeGreaterThan(1)
      await stage().pass(5_000)
      const [tab] = tabs as [StockTab]
      const kept = new Map((await rowsOf(tab)) as [string, unknown][])
      expect(kept.size).toBeGreaterThan(0)
      const fresh = stockModel({ version: 1 })
      for (const open of tabs) await rowsIn(open).close()
      expect((await rowsIn(tab, fresh).find()).rows).toEqual(findPlainly(await foldPlainly(tab.log), {}))
    })

    test('a writer that was away writes nothing over what others wrote, however many writes were pruned meanwhile', async () => {
      stage().locks = noLocks
      const [away, other] = [openStock(stage()), openStock(stage())]
      await append(away, products(3))
      rowsIn(away)
      await isCurrent(away)
      let goOn = (): void => {}
      const held = new Promise<void>((resolve) => {
        goOn = resolve
      })
      let isHeld = false
      away.beforeKeep = async ({ put = [] }) => {
        if (put.length === 0) return
        isHeld = true
        await held
      }
      await append(away, [counted('p001', 50)])
      await stage().until(() => isHeld)
      rowsIn(other)
      for (let nth = 0; nth < 30; nth++) {
        await append(other, [counted('p001', 100 + nth), counted(`q${nth}`, nth)])
        await stage().pass(700)
      }
      goOn()
      await stage().pass(2_000)
      await mustBeRight(other)
      const [row] = (await other.listKept('rows/in/')).filter(({ chain }) => chain.endsWith('r/p001'))
      expect(JSON.parse(String(row?.value)).count).toBe(129)
    })

    test('a writer that was away before it began finds that it is not the last, though the key it wanted is free again', async () => {
      stage().locks = noLocks
      const [away, other] = [openStock(stage()), openStock(stage())]
      await append(other, products(3))
      rowsIn(other)
      await isCurrent(other)
      let goOn = (): void => {}
      const held = new Promise<void>((resolve) => {
        goOn = resolve
      })
      let isHeld = false
      away.beforeKeep = () => {
        isHeld = true
        return held
      }
      rowsIn(away)
      await stage().until(() => isHeld)
      for (let nth = 0; nth < 6; nth++) {
        await append(other, [counted('p001', 100 + nth)])
        await stage().pass(700)
      }
      await rowsIn(other).close()
      away.beforeKeep = async () => {}
      goOn()
      await append(other, [counted('p001', 200)])
      await stage().pass(3_000)
      await mustBeRight(away)
      const [row] = (await other.listKept('rows/in/')).filter(({ chain }) => chain.endsWith('r/p001'))
      expect(JSON.parse(String(row?.value))).toMatchObject({ count: 200, changes: 8 })
    })

    test('CART-8 are gone on with by another tab when the one that writes is closed in the middle', async () => {
      const [first, second] = [openStock(stage()), openStock(stage())]
      const many = products(900)
      for (let from = 0; from < 3; from++) await append(first, many)
      let written = 0
      first.beforeKeep = async () => {
        written++
        if (written === 3) void first.log.close()
      }
      rowsIn(first)
      rowsIn(second)
      await isCurrent(second)
      await mustBeRight(second)
      expect(writes(second).length).toBeGreaterThan(0)
    })

    test('are built by steps, so that 6,500 events are not held at once, with progress that only rises', async () => {
      const tab = openStock(stage())
      for (let from = 0; from < 12; from++) await append(tab, products(500, from * 500))
      // By now the writer has forgotten the first rows.
      await append(tab, products(500))
      const model = rowsIn(tab)
      const seen: number[] = []
      model.status.subscribe(() => seen.push(model.status.get().progress))
      const found = model.find({ index: 'count', order: 'descending', limit: 2 })
      expect((await stage().during(found)).rows.map(({ id }) => id)).toEqual(['p5999', 'p5998'])
      expect(model.status.get()).toMatchObject({ state: 'current', position: 6_500, head: 6_500, progress: 1 })
      expect(seen).toEqual([...seen].sort((a, b) => a - b))
      expect(
        writes(tab)
          .filter(({ put = [] }) => put.length > 0)
          .map(({ put = [] }) => put.length > 1_000 * 5),
      ).toEqual(Array(7).fill(false))
      expect(await model.count()).toBe(6_000)
      expect(await model.get('p007')).toMatchObject({ count: 7, changes: 2 })
    })

    test('are read again after they were written, however slow the disk is and however many rows an event concerns', async () => {
      const tab = openStock(stage())
      // 8,000 rows in a batch: more than a writer remembers.
      const wide = define.readModel<{ readonly changes: number }>({
        name: 'wide',
        version: 1,
        ids: { Counted: ({ data }) => Array.from({ length: 8 }, (_, nth) => `${data.productId}/${nth}`) },
        on: { Counted: (row) => ({ changes: (row?.changes ?? 0) + 1 }) },
      })
      for (const from of [0, 500, 1_000, 1_500, 1_000]) await append(tab, products(500, from))
      tab.beforeKeep = async ({ put = [] }) => {
        if (put.length > 1_000)
          for (let nth = 0; nth < 40; nth++) await new Promise((resolve) => setTimeout(resolve, 0))
      }
      const rows = openReadModel(tab.log, wide)
      await stage().until(() => rows.status.get().state === 'current')
      expect(await rows.get('p1007/3')).toEqual({ changes: 2 })
      expect(await rows.get('p1507/3')).toEqual({ changes: 1 })
      expect(await rows.count()).toBe(16_000)
    }, 60_000)
  })

  describe('a reset', () => {
    test('CART-11 builds the same rows anew beside the old ones, which are read meanwhile, and then go', async () => {
      const tab = openStock(stage())
      for (let from = 0; from < 12; from++) await append(tab, products(500, from * 500))
      let folds = 0
      const model = stockModel({ folded: () => folds++ })
      const rows = rowsIn(tab, model)
      await isCurrent(tab, model)
      const before = (await rows.find()).rows
      const keptBefore = await rowsOf(tab)
      folds = 0
      const reset = rows.reset()
      const states = new Set<string>()
      rows.status.subscribe(() => states.add(`${rows.status.get().state} ${rows.status.get().progress < 1}`))
      let isOver = false
      void reset.then(() => {
        isOver = true
      })
      await append(tab, [counted('p0001', 77)])
      while (!isOver) {
        // Old rows and what came since, at once.
        expect(await rows.get('p0001')).toEqual({ name: '', count: 77, tags: [], changes: 1 })
        await stage().pass(20)
      }
      await reset
      expect(states.has('building true')).toBe(true)
      expect(folds).toBeGreaterThan(5_999)
      await swept(tab)
      expect(await generations(tab)).toEqual(['1:2'])
      expect((await rowsOf(tab)).length).toBe(keptBefore.length + 4)
      await append(tab, [events.Dropped({ productId: 'p0001' })])
      expect((await rows.find()).rows).toEqual(before)
    }, 60_000)

    test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
      'CART-11 whose tab dies at its write %i is ended by the next tab',
      async (dying) => {
        const first = openStock(stage())
        await append(first, products(600))
        await append(first, products(600, 100))
        rowsIn(first)
        await isCurrent(first)
        await stage().pass(2_000)
        let end = (_error: Error): void => {}
        const dead = new Promise<void>((_, reject) => {
          end = reject
        })
        dead.catch(() => {})
        let nth = -1
        first.beforeKeep = () => {
          nth++
          return nth < dying ? Promise.resolve() : dead
        }
        rowsIn(first)
          .reset()
          .catch(() => {})
        await stage().pass(3_000)
        const second = openStock(stage())
        // The lock of the dead one is free.
        stage().locks = noLocks
        const third = openStock(stage())
        rowsIn(third)
        await isCurrent(third)
        await stage().pass(5_000)
        await mustBeRight(third)
        await append(second, [counted('p001', 5)])
        await stage().pass(2_000)
        await mustBeRight(second)
        expect((await generations(third)).length).toBe(1)
        end(new Error('dead'))
      },
    )
  })

  describe('a new version', () => {
    const many = async (tab: StockTab) => {
      for (let from = 0; from < 12; from++) await append(tab, products(500, from * 500))
      rowsIn(tab)
      await isCurrent(tab)
      await rowsIn(tab).close()
    }
    const upgrade = (old: unknown): Stock | undefined => {
      const row = old as Stock
      return row.count === 3 ? undefined : { ...row, name: 'upgraded' }
    }

    test('CART-11 shows upgraded rows of the one before until its own have caught up, and says so', async () => {
      const tab = openStock(stage())
      await many(tab)
      const model = stockModel({ version: 2, upgrade })
      let goOn = (): void => {}
      const held = new Promise<void>((resolve) => {
        goOn = resolve
      })
      // Its third batch waits, until all was asked.
      tab.beforeKeep = ({ put = [] }) =>
        put.some(({ value }) => `${value}`.includes('"count":2500,')) ? held : Promise.resolve()
      const rows = rowsIn(tab, model)
      const live = rows.live({ index: 'name', equals: 'upgraded', limit: 2 })
      expect(await live.ready).toMatchObject({ version: 1, rows: [{ id: 'p000' }, { id: 'p001' }] })
      expect(await rows.get('p002')).toMatchObject({ name: 'upgraded', count: 2 })
      expect(await rows.get('p003')).toBe(undefined)
      expect(await rows.count()).toBe(5_999)
      const last = await rows.find({ index: 'count', order: 'descending', limit: 2, from: 10 })
      expect([last.rows.map(({ id }) => id), last.next !== undefined]).toEqual([['p5999', 'p5998'], true])
      const nothing = await rows.find({
        index: 'count',
        order: 'descending',
        limit: 2,
        from: 10,
        to: 11,
        after: last.next ?? '',
      })
      expect(nothing.rows.map(({ id }) => id)).toEqual(['p011', 'p010'])
      await stage().until(() => rows.status.get().position === 2_000)
      expect(rows.status.get().state).toBe('building')
      goOn()
      await isCurrent(tab, model)
      expect(await rows.get('p003')).toEqual({ name: '', count: 3, tags: [], changes: 1 })
      await stage().until(() => live.get()?.version === 2, 'the new version')
      expect(live.get()?.rows).toEqual([])
      await swept(tab)
      expect(await generations(tab)).toEqual(['2:1'])
    }, 60_000)

    test('waits for its own rows where nothing upgrades those of the one before', async () => {
      const tab = openStock(stage())
      await many(tab)
      const rows = rowsIn(tab, stockModel({ version: 2 }))
      let isThere = false
      const found = rows.find({ limit: 1 }).finally(() => {
        isThere = true
      })
      found.catch(() => {})
      expect([isThere, rows.status.get().state]).toEqual([false, 'building'])
      expect(await stage().during(found)).toMatchObject({ version: 2, rows: [{ id: 'p000' }] })
    })

    test('leaves the rows of the one before to the tab that works on them', async () => {
      const [old, young] = [openStock(stage()), openStock(stage())]
      await append(old, products(10))
      rowsIn(old)
      await isCurrent(old)
      const next = stockModel({ version: 2 })
      rowsIn(young, next)
      await isCurrent(young, next)
      await stage().pass(5_000)
      expect(await generations(young)).toEqual(['1:1', '2:1'])
      await append(old, [counted('p001', 40)])
      await stage().pass(2_000)
      await mustBeRight(old)
      await mustBeRight(young, next)
      await rowsIn(old).close()
      await rowsIn(young, next).close()
      rowsIn(young, next)
      await swept(young)
      expect(await generations(young)).toEqual(['2:1'])
      // It comes back, and builds its own again.
      rowsIn(old)
      await mustBeRight(old)
      await isCurrent(old)
      expect(await generations(old)).toEqual(['1:2', '2:1'])
      await mustBeRight(old)
      await mustBeRight(young, next)
    })

    test('with other indexes is built like another version, so that no index lacks rows', async () => {
      const tab = openStock(stage())
      await append(tab, products(5))
      rowsIn(tab)
      await isCurrent(tab)
      await rowsIn(tab).close()
      const more: ReadModel<Kinds, Stock> = { ...stock, indexes: { changes: (row) => [row.changes] } }
      const rows = openReadModel(tab.log, more)
      await stage().until(() => rows.status.get().state === 'current')
      expect(await rows.count({ index: 'changes', equals: 1 })).toBe(5)
    })
  })

  describe('rows of a model that is listed', () => {
    test('are written by the worker that serves the log, and by no page', async () => {
      const served = { ...shop, readModels: [stock] }
      const tab = stage().openTab(served)
      unwrap(await tab.log.append(products(5)))
      await stage().pass(5_000)
      expect(writes(tab as StockTab).length).toBeGreaterThan(0)
      const before = writes(tab as StockTab).length
      const rows = rowsIn(tab as StockTab)
      await stage().pass(10_000)
      expect([rows.status.get().state, writes(tab as StockTab).length]).toEqual(['current', before])
      const reset = rows.reset()
      await stage().during(reset)
      await mustBeRight(tab as StockTab)
      expect(await generations(tab as StockTab)).toEqual(['1:2'])
    })
  })
}
