import type { View } from 'tidelog'
import { type Cart, type CartItem, cart, totalOf } from '../cart.ts'
import { productOf } from '../products.ts'
import { cartLink, currentCartId, onCartChange, openNewCart } from '../route.ts'
import { cartItemsMax } from '../rules.ts'
import type { ShopLog } from '../shop.ts'
import { archivedToWords, count, publicationToWords, toMoney } from '../words.ts'
import type { Actions } from './actions.ts'
import { h, hiddenText, mustFind, picture, setText } from './dom.ts'
import { keepFocus } from './focus.ts'
import { type Row, showRows } from './rows.ts'
import { createStateBadge, updateStateBadge } from './state-badge.ts'

/** The cart that the address names, kept up to date by its view. */
export function mountCart(log: ShopLog, actions: Actions): void {
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
  mustFind('[data-testid=cart-submit]', root).addEventListener('click', () => {
    void actions.submit(view?.get()?.items ?? [])
  })
  mustFind('[data-testid=order-take-back]', root).addEventListener('click', () => {
    const order = view?.get()?.submitted
    if (order) void actions.takeBack(order.commitId, 'The order')
  })
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
  const total = toMoney(submitted?.total ?? totalOf(items))
  for (const place of root.querySelectorAll('[data-total]')) setText(place, total)
  const places = `${items.length} of ${cartItemsMax}`
  setText(mustFind('#cart-places', root), submitted ? count(items.length, 'thing') : places)
  setText(mustFind('#jump-count'), places)
  const empty = mustFind('#cart-empty', root)
  empty.hidden = items.length > 0 || submitted !== undefined
  mustFind('#cart-open', root).hidden = submitted !== undefined || items.length === 0
  const done = mustFind('[data-testid=cart-submitted]', root)
  done.hidden = submitted === undefined
  mustFind('[data-testid=order-take-back]', done).hidden = submitted?.pending !== true
  if (submitted) updateStateBadge(mustFind('.state', done), submitted.pending)
  showWords(mustFind('#cart-published', root), submitted ? publicationToWords(state?.publication) : undefined)
  showWords(mustFind('#cart-archived', root), archivedToWords(state?.archived ?? []))
}

function showWords(element: HTMLElement, words: string | undefined): void {
  element.hidden = words === undefined
  setText(element, words ?? '')
}

/** Free places are drawn, not said: the count next to the heading says it. */
function showBerths(list: HTMLElement, free: number): void {
  while (list.childElementCount > free) list.lastElementChild?.remove()
  while (list.childElementCount < free) list.append(h('span', { class: 'berth' }))
}

const itemRows = (actions: Actions): Row<CartItem> => {
  /** What each row shows now: a button outlives the state that it was made in. */
  const shown = new WeakMap<HTMLElement, CartItem>()
  return {
    key: ({ itemId }) => itemId,
    create: ({ itemId, productId, price }) => {
      const { name } = productOf(productId)
      const button = h('button', {
        type: 'button',
        class: 'icon-button item-button',
        click: () => {
          const item = shown.get(row)
          if (item) void actions.remove(item)
        },
      })
      button.append(picture('cross', 'icon'), h('span', { class: 'item-button-words' }), hiddenText(` ${name}`))
      const row = h(
        'li',
        { class: 'item', 'data-testid': 'item', 'data-id': itemId, 'data-product': productId },
        h('div', { class: 'item-art' }, picture(productId, 'art')),
        h('div', { class: 'item-line' }, h('span', { class: 'item-name' }, name), h('span', {}, toMoney(price))),
        h('div', { class: 'item-line' }, createStateBadge(), button),
      )
      return row
    },
    update: (row, item) => {
      shown.set(row, item)
      const { pending } = item
      row.dataset.state = pending ? 'pending' : 'confirmed'
      updateStateBadge(mustFind('.state', row), pending)
      const button = mustFind('.item-button', row)
      button.dataset.testid = pending ? 'item-take-back' : 'item-remove'
      setText(mustFind('.item-button-words', button), pending ? 'Take back' : 'Remove')
    },
  }
}
