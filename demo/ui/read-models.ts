import { openReadModel } from 'tidelog/read-model'
import { productOf, products } from '../products.ts'
import { type Inventory, inventories, type OpenCart, type Order, openCarts, orders } from '../read-models.ts'
import type { ShopLog } from '../shop.ts'
import { count, leftToWords, toMoney } from '../words.ts'
import { mustFind } from './dom.ts'
import type { Notices } from './notices.ts'
import { mountRowsPane, type RowsView } from './rows-pane.ts'

/** The read models of the shop, each with its rows. */
export function mountReadModels(log: ShopLog, notices: Notices): void {
  const panes = mustFind('#rows-panes')
  mountRowsPane(panes, openReadModel(log, inventories), inventoriesView, notices)
  mountRowsPane(panes, openReadModel(log, openCarts), cartsView, notices)
  mountRowsPane(panes, openReadModel(log, orders), ordersView, notices)
}

const inventoriesView: RowsView<Inventory> = {
  id: 'inventories',
  title: 'Inventories',
  about: 'What the outside world said of each product.',
  unit: 'product',
  searchWords: 'Name of a product',
  search: (text) => ({ index: 'name', prefix: text }),
  looks: [
    { words: 'By name', find: { index: 'name' } },
    { words: 'Fewest first', find: { index: 'stock' } },
    { words: 'Sold out', find: { index: 'stock', equals: 0 } },
    { words: 'Dearest first', find: { index: 'price', order: 'descending' } },
  ],
  toWords: (_id, { name, inventory, price }) => ({
    name,
    aside: inventory === undefined ? 'Not counted' : leftToWords(inventory),
    about: price === undefined ? 'At its first price' : `Costs ${toMoney(price)}`,
  }),
}

const namesOf = (productIds: readonly string[]): string => productIds.map((id) => productOf(id).name).join(', ')

const cartsView: RowsView<OpenCart> = {
  id: 'carts',
  title: 'Carts',
  about: 'Those that are open, and what they hold.',
  unit: 'cart',
  searchWords: 'Name of a cart',
  search: (text) => ({ prefix: text }),
  looks: [
    { words: 'By name', find: {} },
    { words: 'Dearest first', find: { index: 'total', order: 'descending' } },
    ...products.map(({ productId, name }) => ({
      words: `Holding ${name}`,
      find: { index: 'product', equals: productId },
    })),
  ],
  toWords: (id, { items }) => ({
    name: id,
    aside: toMoney(items.reduce((sum, { price }) => sum + price, 0)),
    about: namesOf(items.map(({ productId }) => productId)),
  }),
}

const stateToWords: Readonly<Record<Order['state'], string>> = {
  waiting: 'Waiting',
  published: 'Published',
  failed: 'Not taken',
}

const ordersView: RowsView<Order> = {
  id: 'orders',
  title: 'Orders',
  about: 'Submitted carts, and how they fare.',
  unit: 'order',
  searchWords: 'Name of a cart',
  search: (text) => ({ prefix: text }),
  looks: [
    { words: 'Newest first', find: { index: 'time', order: 'descending' } },
    { words: 'Dearest first', find: { index: 'total', order: 'descending' } },
    { words: 'Waiting', find: { index: 'state', equals: 'waiting' } },
    { words: 'Not taken', find: { index: 'state', equals: 'failed' } },
  ],
  toWords: (id, { products: ordered, total, state }) => ({
    name: id,
    aside: stateToWords[state],
    about: `${toMoney(total)} for ${count(ordered.length, 'thing')}: ${namesOf(ordered)}`,
  }),
}
