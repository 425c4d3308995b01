import { type Goods, goodOf, goods } from '../goods.ts'
import { type Product, products } from '../products.ts'
import type { ShopLog } from '../shop.ts'
import { leftToWords, toMoney } from '../words.ts'
import type { Actions } from './actions.ts'
import { h, hiddenText, mustFind, picture, setText } from './dom.ts'

/** The things on offer, each with its button, and with what the outside world says of them. */
export function mountShelf(log: ShopLog, actions: Actions): void {
  const list = mustFind('#products')
  const view = log.view(goods)
  for (const product of products)
    list.append(productRow(product, () => void actions.add(atItsPrice(product, view.get()))))
  const show = (): void => {
    for (const product of products)
      showGood(mustFind(`[data-product-id=${product.productId}]`, list), product, view.get())
  }
  view.subscribe(show)
  show()
}

const atItsPrice = (product: Product, known: Goods): Product => ({
  ...product,
  price: goodOf(known, product.productId).price ?? product.price,
})

function productRow({ productId, name, about }: Product, add: () => void): HTMLElement {
  const button = h('button', { type: 'button', class: 'button', 'data-testid': `add-${productId}`, click: add })
  button.append('Add', hiddenText(` ${name}`))
  return h(
    'li',
    { class: 'product', 'data-product-id': productId },
    h('div', { class: 'product-art' }, picture(productId, 'art')),
    h('h3', { class: 'product-name' }, name),
    h('p', { class: 'product-about' }, about),
    h('p', { class: 'product-stock', 'data-testid': `stock-${productId}`, hidden: true }),
    h('p', { class: 'product-price' }, hiddenText('Price: '), h('span', { 'data-testid': `price-${productId}` })),
    button,
  )
}

function showGood(row: HTMLElement, product: Product, known: Goods): void {
  const { productId } = product
  const { inventory } = goodOf(known, productId)
  setText(mustFind(`[data-testid=price-${productId}]`, row), toMoney(atItsPrice(product, known).price))
  const stock = mustFind('.product-stock', row)
  stock.hidden = inventory === undefined
  stock.toggleAttribute('data-gone', inventory === 0)
  setText(stock, inventory === undefined ? '' : leftToWords(inventory))
}
