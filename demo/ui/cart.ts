import type { Log, View } from 'tidelog'
import { productOf } from '../products.ts'
import { cartLink, currentCartId, onCartChange, openNewCart } from '../route.ts'
import { cartItemsMax } from '../rules.ts'
import { type Cart, type CartItem, cart, type ShopMap } from '../shop.ts'
import { count, toMoney } from '../words.ts'
import type { Actions } from './actions.ts'
import { h, hiddenText, mustFind, picture, setText } from './dom.ts'
import { keepFocus } from './focus.ts'
import { type Row, showRows } from './rows.ts'
import { createStateBadge, updateStateBadge } from './state-badge.ts'

/** The cart that the address names, kept up to date by its view. */
export function mountCart(log: Log<ShopMap>, actions: Actions): void {
  const root = mustFind('#cart')
  const rows = itemRows(actions)
  let view: View<Cart | undefined> | undefined
  let stop = (): void => {}

  const show = (): void => keepFocus(root, () => showCart(root, view?.get(), rows))
  const follow = (): void => {
    stop()
    view?.close()
    view = log.view(cart, { cartId: currentCartId() })
    stop = view.subscribe(show)
    view.ready.then(show, show)
    setText(mustFind('[data-cart-id]', root), currentCartId())
    for (const link of document.querySelectorAll('[data-cart-link]'))
      link.setAttribute('href', cartLink(currentCartId()))
    show()
  }
  for (const button of root.querySelectorAll('[data-new-cart]')) button.addEventListener('click', openNewCart)
  mustFind('[data-testid=cart-clear]', root).addEventListener('click', () => void actions.clear())
  mustFind('[data-testid=cart-submit]', root).addEventListener('click', () => void actions.submit())
  onCartChange(follow)
  follow()
}

function showCart(root: HTMLElement, state: Cart | undefined, rows: Row<CartItem>): void {
  const items = state?.items ?? []
  const submitted = state?.submitted
  root.dataset.state = submitted ? 'submitted' : items.length > 0 ? 'open' : 'empty'
  root.dataset.exists = String(state !== undefined)
  showRows(mustFind('#items', root), items, rows)
  // A pending item may be one too many until the server has had its say.
  showBerths(mustFind('#berths', root), submitted ? 0 : Math.max(0, cartItemsMax - items.length))
  const total = toMoney(submitted?.total ?? items.reduce((sum, { price }) => sum + price, 0))
  for (const place of root.querySelectorAll('[data-total]')) setText(place, total)
  const places = `${items.length} of ${cartItemsMax}`
  setText(mustFind('#cart-places', root), submitted ? count(items.length, 'thing') : places)
  setText(mustFind('#jump-count'), places)
  const empty = mustFind('#cart-empty', root)
  empty.hidden = items.length > 0 || submitted !== undefined
  mustFind('#cart-open', root).hidden = submitted !== undefined || items.length === 0
  const done = mustFind('[data-testid=cart-submitted]', root)
  done.hidden = submitted === undefined
  if (submitted) updateStateBadge(mustFind('.state', done), submitted.pending)
}

/** Free places are drawn, not said: the count next to the heading says it. */
function showBerths(list: HTMLElement, free: number): void {
  while (list.childElementCount > free) list.lastElementChild?.remove()
  while (list.childElementCount < free) list.append(h('span', { class: 'berth' }))
}

const itemRows = (actions: Actions): Row<CartItem> => ({
  key: ({ itemId }) => itemId,
  create: ({ itemId, productId, price }) => {
    const { name } = productOf(productId)
    const button = h('button', {
      type: 'button',
      class: 'icon-button',
      'data-testid': 'item-remove',
      click: () => void actions.remove(itemId, name),
    })
    button.append(picture('cross', 'icon'), hiddenText(`Remove ${name}`))
    return h(
      'li',
      { class: 'item', 'data-testid': 'item', 'data-id': itemId, 'data-product': productId },
      h('div', { class: 'item-art' }, picture(productId, 'art')),
      h('span', { class: 'item-name' }, name),
      h('span', { class: 'item-price' }, toMoney(price)),
      createStateBadge(),
      button,
    )
  },
  update: (element, { pending }) => {
    element.dataset.state = pending ? 'pending' : 'confirmed'
    updateStateBadge(mustFind('.state', element), pending)
  },
})
