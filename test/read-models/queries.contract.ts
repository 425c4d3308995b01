// Whatever happened, whoever wrote and wherever the rows stand: a query answers what a fold of the whole log answers.
import fc from 'fast-check'
import type { FindOptions } from 'tidelog/read-model'
import { describe, expect, test } from 'vitest'
import { openStock, rowsIn, Stage, type StockTab } from './stage.ts'
import { events, findPlainly, foldPlainly } from './stock.ts'

const isBrowser = typeof document !== 'undefined'
const runs = isBrowser ? 4 : process.env.TIDELOG_WHOLE === '1' ? 40 : 20

const productId = fc.constantFrom('a', 'b', 'c', 'ab', 'abc', 'ä', '\u0000', '\u0001a', 'z\uffff')
const name = fc.constantFrom('', 'a', 'ab', 'b', 'B', '\u0000', '\u0001', 'a\u0000', 'ü', '\uffff', '😀')
const count = fc.constantFrom(-1e300, -2, -1.5, -1, 0, -0, 0.5, 1, 2, 10, 2 ** 40)
const fact = fc.oneof(
  fc.record({ productId, count }).map((data) => events.Counted(data)),
  fc.record({ productId, name, tags: fc.array(name, { maxLength: 3 }) }).map((data) => events.Named(data)),
  fc
    .record({ from: productId, to: productId, count: fc.integer({ min: -3, max: 3 }) })
    .map((data) => events.Moved(data)),
  fc.record({ productId }).map((data) => events.Dropped(data)),
  fc.record({ productId }).map((data) => events.Looked(data)),
)
const asks = (key: fc.Arbitrary<FindOptions['equals']>, prefix: fc.Arbitrary<FindOptions['prefix']>) =>
  fc.oneof(
    fc.constant({}),
    key.map((equals) => ({ equals })),
    prefix.map((prefix) => ({ prefix })),
    fc.record({ from: key, to: key }, { requiredKeys: [] }),
  )
const both = fc.tuple(name, count)
const query: fc.Arbitrary<FindOptions> = fc
  .tuple(
    fc.oneof(
      asks(productId, fc.constantFrom('', 'a', 'ab', '\u0000')),
      asks(count, fc.constant([])).map((options) => ({ index: 'count', ...options })),
      asks(name, name).map((options) => ({ index: 'name', ...options })),
      asks(name, name).map((options) => ({ index: 'tags', ...options })),
      asks(
        both,
        fc.oneof(
          name.map((part) => [part]),
          both,
          fc.constant([]),
        ),
      ).map((options) => ({ index: 'both', ...options })),
    ),
    fc.record(
      { order: fc.constantFrom('ascending', 'descending'), limit: fc.integer({ min: 1, max: 4 }) },
      { requiredKeys: [] },
    ),
  )
  .map(([what, how]) => ({ ...what, ...how }) as FindOptions)

const act = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      tab: fc.nat(1),
      facts: fc.array(fact, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 300, 700, 5_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('offline' as const, 'online' as const, 'withdraw' as const, 'reset' as const),
    }),
  },
)

/** All pages of an answer, and what the pages tell. */
async function pagesOf(tab: StockTab, options: FindOptions) {
  const model = rowsIn(tab)
  const rows = []
  for (let after: string | undefined; ; ) {
    const page = await model.find({ ...options, ...(after !== undefined && { after }) })
    if (options.limit !== undefined) expect(page.rows.length).toBeLessThanOrEqual(options.limit)
    rows.push(...page.rows)
    if (page.next === undefined) return rows
    expect(page.rows.length).toBe(options.limit)
    after = page.next
  }
}

async function mustAnswer(tab: StockTab, options: FindOptions): Promise<void> {
  const { order: _order, limit: _limit, ...which } = options
  const headNow = async () => (await tab.log.read({ limit: 1 }).head).revision
  for (;;) {
    const head = await headNow()
    const expected = findPlainly(await foldPlainly(tab.log), options)
    const pages = await pagesOf(tab, options)
    const count = await rowsIn(tab).count(which)
    // The server answers in real time: a commit that was withdrawn on its way there may come back between two questions.
    if ((await headNow()) !== head) continue
    expect(pages).toEqual(expected)
    expect(count).toBe(expected.length)
    return
  }
}

export function describeQueries(): void {
  describe('a query', () => {
    test('CART-8 answers what a fold of the whole log answers, pending included, whatever happened', async () => {
      const script = fc.array(fc.tuple(act, fc.nat(1), query), { minLength: 4, maxLength: isBrowser ? 8 : 16 })
      const property = fc.asyncProperty(fc.boolean(), script, async (isSynced, steps) => {
        const stage = new Stage()
        try {
          const tabs = [0, 1].map(() => openTab(stage, isSynced))
          await Promise.all(tabs.map(({ log }) => log.ready))
          const last: { readonly commitId: string }[] = []
          for (const [step, asker, options] of steps) {
            if (step.kind === 'append') {
              const outcome = await tabs[step.tab]!.log.append(step.facts)
              if (outcome.ok) last.push(outcome.receipt)
            } else if (step.kind === 'pass') await stage.pass(step.ms)
            else if (step.kind === 'withdraw') await tabs[0]!.log.withdraw(last.pop() ?? { commitId: 'none' })
            else if (step.kind === 'reset')
              rowsIn(tabs[asker]!)
                .reset()
                .catch(() => {})
            else stage[step.kind]()
            await mustAnswer(tabs[asker]!, options)
          }
          stage.online()
          await stage.pass(2_000)
          for (const tab of tabs) for (const [, , options] of steps) await mustAnswer(tab, options)
        } finally {
          await stage.close()
        }
      })
      await fc.assert(property, { numRuns: runs })
    }, 120_000)
  })
}

function openTab(stage: Stage, isSynced: boolean): StockTab {
  const tab = openStock(stage, { isSynced })
  rowsIn(tab)
  return tab
}
