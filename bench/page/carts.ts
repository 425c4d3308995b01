// Rows and a fold over the large log, for tidelog and for what it is compared with.
import { defineLog, defineProjection } from 'tidelog'
import { defineReadModel } from 'tidelog/read-model'
import type { BenchEvent } from './corpus.ts'
import type { Job } from './job.ts'
import { largeCommits } from './large-corpus.ts'
import { events } from './model.ts'

/** A cart as a query gives it. */
export interface Cart {
  readonly cartId: string
  readonly customerId: string
  readonly items: number
  readonly total: number
  readonly product: string
}

export const addToCart = (cart: Cart | undefined, { data }: Pick<BenchEvent, 'data'>): Cart => ({
  cartId: data.cartId,
  customerId: data.customerId,
  items: (cart?.items ?? 0) + 1,
  total: (cart?.total ?? 0) + data.price * data.quantity,
  product: data.product,
})

/** A version for each round: the rows of the one before are there until these are built. */
export const cartsModel = (name: string, version: number) =>
  defineReadModel(events, {
    name,
    version,
    ids: ({ data }) => data.cartId,
    on: { ItemAdded: (cart: Cart | undefined, event) => addToCart(cart, event) },
    indexes: { total: ({ total }) => [total], customer: ({ customerId }) => [customerId] },
  })
export type CartsModel = ReturnType<typeof cartsModel>
export const inPage = 'carts-in-page'
export const inWorker = 'carts-in-worker'
/** The log whose worker writes the rows. */
export const cartsLog = (carts: CartsModel) => defineLog({ name: 'bench', events, readModels: [carts] })

export interface Sold {
  readonly events: number
  readonly quantity: number
}
/** One state of the whole log. A snapshot is of one name. */
export const soldView = (name: string) =>
  defineProjection(events, {
    name,
    version: 1,
    initial: { events: 0, quantity: 0 },
    on: { ItemAdded: (sold: Sold, { data }) => ({ events: sold.events + 1, quantity: sold.quantity + data.quantity }) },
  })

/** So many events are folded before their rows are written. */
const foldedAtOnce = 1_000

/** The rows behind each thousand events, those that these have changed. */
export function* cartChanges(job: Job): Generator<readonly Cart[]> {
  const carts = new Map<string, Cart>()
  let changed = new Set<string>()
  let folded = 0
  const take = (): readonly Cart[] => [...changed].flatMap((id) => carts.get(id) ?? [])
  for (const commit of largeCommits(job)) {
    for (const event of commit) {
      const { cartId } = event.data
      carts.set(cartId, addToCart(carts.get(cartId), event))
      changed.add(cartId)
    }
    folded += commit.length
    if (folded % foldedAtOnce !== 0) continue
    yield take()
    changed = new Set()
  }
  yield take()
}

/** All rows, as the log leaves them. */
export function cartsOf(job: Job): readonly Cart[] {
  const carts = new Map<string, Cart>()
  for (const changed of cartChanges(job)) for (const cart of changed) carts.set(cart.cartId, cart)
  return [...carts.values()]
}

const lookups = 50
/** Rows of a page. */
export const pageRows = 20

/** What a round looks for among the rows: carts, and totals at which pages begin. */
export function cartLookups(carts: readonly Cart[], { round, rounds }: Job): readonly Cart[] {
  const sorted = carts.toSorted((a, b) => a.total - b.total || (a.cartId < b.cartId ? -1 : 1))
  const count = lookups * (rounds + 1)
  return Array.from({ length: lookups }, (_, nth) => {
    const place = nth * (rounds + 1) + round
    return sorted[Math.floor(((place + 0.5) * sorted.length) / count)] as Cart
  })
}
