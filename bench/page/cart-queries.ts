import { type Cart, cartLookups, pageRows } from './carts.ts'
import { type Job, type Measures, mustEqual } from './job.ts'
import { median } from './statistics.ts'

/** The queries that are measured, however they are asked. */
export interface CartQueries {
  readonly get: (cartId: string) => Promise<Cart | undefined>
  readonly ofCustomer: (customerId: string) => Promise<readonly Cart[]>
  /** The first rows with such a total or more, in order of it. */
  readonly from: (total: number, limit: number) => Promise<readonly Cart[]>
  /** The last rows by total with such a one or less, the last one first. */
  readonly downFrom: (total: number, limit: number) => Promise<readonly Cart[]>
  readonly countFrom: (total: number) => Promise<number>
}

/** Asks each query for other rows, each once; the answers have to be those of the corpus. */
export async function measureQueries(queries: CartQueries, carts: readonly Cart[], job: Job): Promise<Measures> {
  const looked = cartLookups(carts, job)
  const time = async (what: string, ask: (cart: Cart) => Promise<unknown>, expected: (cart: Cart) => unknown) => {
    const times: number[] = []
    for (const cart of looked) {
      const start = performance.now()
      const answer = await ask(cart)
      times.push(performance.now() - start)
      mustEqual(what, JSON.stringify(answer), JSON.stringify(expected(cart)))
    }
    return median(times)
  }
  const totals = carts.map(({ total }) => total).sort((a, b) => a - b)
  const above = ({ total }: Cart): readonly number[] => totals.slice(firstAtLeast(totals, total))
  const below = ({ total }: Cart): readonly number[] => totals.slice(0, firstAtLeast(totals, total + 1)).reverse()
  const totalsOf = (rows: readonly Cart[]): readonly number[] => rows.map(({ total }) => total)
  return {
    getMs: await time(
      'a row',
      ({ cartId }) => queries.get(cartId),
      (cart) => cart,
    ),
    equalMs: await time(
      'rows of a customer',
      ({ customerId }) => queries.ofCustomer(customerId),
      (cart) => [cart],
    ),
    pageMs: await time(
      'a page',
      async ({ total }) => totalsOf(await queries.from(total, pageRows)),
      (cart) => above(cart).slice(0, pageRows),
    ),
    downMs: await time(
      'a page downwards',
      async ({ total }) => totalsOf(await queries.downFrom(total, pageRows)),
      (cart) => below(cart).slice(0, pageRows),
    ),
    countMs: await time(
      'a count',
      ({ total }) => queries.countFrom(total),
      (cart) => above(cart).length,
    ),
  }
}

function firstAtLeast(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}
