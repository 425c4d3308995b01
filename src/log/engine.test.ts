import { describe, expect, test } from 'vitest'
import { callOf, commitOf, createBrowser, openTab, pendingIds, quiet, rowsOf, versioned } from './log.fixture.ts'
import type { View } from './view.ts'

/** A row that says what its writer had seen when it was planned. */
const planOf = (id: string, view: View) => {
  const commit = { ...commitOf(id, ['s1']), metadata: { seen: String(view.pending.size) } }
  return {
    row: { kind: 'append', commits: JSON.stringify([commit]) },
    commits: [commit],
    result: view.pending.size,
  } as const
}

describe('a write', () => {
  test('that was planned before another tab wrote is planned again, also when the notice came in between', async () => {
    const browser = createBrowser()
    const [a, b] = [await openTab(browser), await openTab(browser)]
    let plans = 0
    const seen = await a.engine.write(async (view) => {
      plans += 1
      const plan = planOf('a', view)
      if (plans === 1) {
        await b.append(callOf('b', ['s1']))
        await quiet()
      }
      return plan
    })
    expect([plans, seen]).toEqual([2, 1])
    expect((await rowsOf(a)).map(({ revision }) => revision)).toEqual([1, 2])
    expect(pendingIds(a)).toEqual(['b', 'a'])
  })

  test('is planned again when the notice of the other one was lost', async () => {
    const browser = createBrowser()
    const [a, b] = [await openTab(browser), await openTab(browser)]
    browser.channels.isLost = () => true
    await b.append(callOf('b', ['s1']))
    expect(await a.engine.write((view) => planOf('a', view))).toBe(1)
    expect(pendingIds(a)).toEqual(['b', 'a'])
  })

  test('without a plan writes nothing', async () => {
    const tab = await openTab(createBrowser())
    expect(await tab.engine.write(() => undefined)).toBeUndefined()
    expect(await rowsOf(tab)).toEqual([])
  })

  test('waits for the one before it, and goes on when that one failed', async () => {
    const tab = await openTab(createBrowser())
    const failing = tab.engine.write(() => {
      throw new Error('no plan')
    })
    const next = tab.engine.write((view) => planOf('a', view))
    await expect(failing).rejects.toThrow('no plan')
    expect(await next).toBe(0)
  })

  test('of either of two tabs that get in each other’s way is done, many times over', async () => {
    const browser = createBrowser()
    const tabs = [await openTab(browser), await openTab(browser), await openTab(browser), await openTab(browser)]
    await Promise.all(
      tabs.flatMap((tab, nth) => Array.from({ length: 25 }, (_, at) => tab.append(callOf(`${nth}.${at}`, ['s1'])))),
    )
    for (const tab of tabs) {
      await tab.engine.catchUp()
      expect(new Set(pendingIds(tab)).size).toBe(100)
    }
  })
})

describe('a tab', () => {
  test('takes what another one wrote from the notice, without a look at the disk', async () => {
    const browser = createBrowser()
    let reads = 0
    const wrap = (store: Parameters<NonNullable<NonNullable<Parameters<typeof openTab>[1]>['wrap']>>[0]) => ({
      ...store,
      run: ((requests, options) => {
        reads += 1
        return store.run(requests, options)
      }) as typeof store.run,
    })
    const [a, b] = [await openTab(browser), await openTab(browser, { wrap })]
    reads = 0
    await a.append(callOf('a', ['s1']))
    browser.clock.step() // Not a burst: each write has a notice of its own.
    await a.append(callOf('b', ['s1']))
    await quiet()
    expect([pendingIds(b), reads]).toEqual([['a', 'b'], 0])
  })

  test('heals a notice that it missed with the next one, by one read', async () => {
    const browser = createBrowser()
    const [a, b] = [await openTab(browser), await openTab(browser)]
    browser.channels.isLost = () => true
    await a.append(callOf('a', ['s1']))
    browser.channels.isLost = () => false
    browser.clock.step()
    await a.append(callOf('b', ['s1']))
    await quiet()
    expect(pendingIds(b)).toEqual(['a', 'b'])
  })

  test('does not take a notice of another database, an old one, or one that comes twice', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser)
    await tab.append(callOf('a', ['s1']))
    const row = { kind: 'append', revision: 2, format: 1, commits: JSON.stringify([commitOf('x', ['s1'])]) } as const
    const notice = {
      v: 1,
      kind: 'moved',
      database: 'other',
      previous: 1,
      head: 2,
      confirmed: 0,
      reordered: 0,
      pending: 2,
      row,
    } as const
    tab.engine.hear(notice)
    tab.engine.hear({ ...notice, database: 'db', previous: 0, head: 1, row: { ...row, revision: 1 } })
    await quiet()
    expect(pendingIds(tab)).toEqual(['a'])
  })

  test.each(['notice', 'disk'] as const)('tells that a newer app has been here (from the %s)', async (where) => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['s1']))
    let moves = 0
    tab.engine.onMoved(() => {
      moves += 1
    })
    const row = { kind: 'append', revision: 2, format: 2, commits: '[]' } as unknown as Parameters<View['take']>[0]
    const head = { database: 'db', previous: 1, head: 2, confirmed: 0, reordered: 0, pending: 1 }
    await tab.engine.store.run([{ op: 'add', store: 'writes', row }], { write: true })
    if (where === 'notice') tab.engine.hear({ v: 1, kind: 'moved', ...head, row })
    else await tab.engine.catchUp()
    await quiet()
    expect([tab.engine.stopped !== undefined, moves]).toEqual([true, 1])
    await tab.engine.catchUp()
    expect(moves).toBe(1)
  })

  test('reads on behind a row of a newer app, and writes nothing more', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser)
    await tab.append(callOf('a', ['s1']))
    const newer = { kind: 'append', revision: 2, format: 2, commits: '[]' } as unknown as Parameters<View['take']>[0]
    await tab.engine.store.run([{ op: 'add', store: 'writes', row: newer }], { write: true })
    const [answer] = await tab.append(versioned('b', 's1', 1))
    expect(answer).toMatchObject({ ok: false, reason: { type: 'UpdateNeeded' } })
    expect((await rowsOf(tab)).map(({ revision }) => revision)).toEqual([1, 2])
    expect(JSON.parse((await tab.reader.read({ options: {} })).pending)).toHaveLength(1)
    expect((await openTab(browser)).engine.stopped).toBeDefined()
  })
})
