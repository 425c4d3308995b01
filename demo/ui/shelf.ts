import { products } from '../products.ts'
import { toMoney } from '../words.ts'
import type { Actions } from './actions.ts'
import { h, hiddenText, mustFind, picture } from './dom.ts'

/** The things on offer, each with its button. */
export function mountShelf(actions: Actions): void {
  const list = mustFind('#products')
  for (const product of products) {
    const { productId, name, about, price } = product
    const button = h('button', {
      type: 'button',
      class: 'button',
      'data-testid': `add-${productId}`,
      click: () => void actions.add(product),
    })
    button.append('Add', hiddenText(` ${name}`))
    list.append(
      h(
        'li',
        { class: 'product' },
        h('div', { class: 'product-art' }, picture(productId, 'art')),
        h('h3', { class: 'product-name' }, name),
        h('p', { class: 'product-about' }, about),
        h('p', { class: 'product-price' }, hiddenText('Price: '), toMoney(price)),
        button,
      ),
    )
  }
}
