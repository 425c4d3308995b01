import { given, past } from 'tidelog/testing'
import { describe, test } from 'vitest'
import { events } from './events.ts'
import { addItem, clearCart, removeItem, submitCart } from './rules.ts'

const cartId = 'c'
const itemOf = (itemId: string, price = 100, productId = 'mug') => ({
  ...{ cartId, itemId, productId, price },
  fingerprint: 'test',
})
const created = events.CartCreated({ cartId })
const added = (...item: Parameters<typeof itemOf>) => events.ItemAdded(itemOf(...item))
const submitted = events.CartSubmitted({ cartId, products: [], total: 0 })
const counted = (inventory: number, productId = 'mug') => events.InventoryChanged({ productId, inventory })
const priced = (newPrice: number, productId = 'mug') => events.PriceChanged({ productId, oldPrice: 100, newPrice })

describe('adding an item', () => {
  test('CART-2 creates an absent cart with its first item, in one commit', () =>
    given(addItem, [])
      .when(itemOf('i'))
      .then([created, added('i')]))
  test('CART-2 adds up to three items and refuses the fourth', () =>
    given(addItem, [created, added('1'), added('2')])
      .when(itemOf('3'))
      .then([added('3')]))
  test('CART-12 says that the cart is full, ordered, or that the price has changed', () => {
    given(addItem, [created, added('1'), added('2'), added('3')])
      .when(itemOf('4'))
      .thenRefused('CartFull', { max: 3 })
    given(addItem, [created, submitted]).when(itemOf('i')).thenRefused('CartCannotBeAltered')
    given(addItem, [created, priced(90)])
      .when(itemOf('i'))
      .thenRefused('PriceHasChanged', { productId: 'mug', price: 90 })
    given(addItem, [priced(90)])
      .when(itemOf('i'))
      .thenRefused('PriceHasChanged', { productId: 'mug', price: 90 })
  })
  test('does not look at the prices of other products, nor at other carts', () => {
    given(addItem, [created, priced(90, 'cap')])
      .when(itemOf('i'))
      .then([added('i')])
    const elsewhere = { ...itemOf('1'), cartId: 'other' }
    given(addItem, [events.ItemAdded(elsewhere), events.ItemAdded(elsewhere), events.ItemAdded(elsewhere)])
      .when(itemOf('i'))
      .then([created, added('i')])
  })
  test('CART-1 counts items that an older page added, without a fingerprint', () => {
    const old = ['1', '2', '3'].map((itemId) => past('ItemAdded', { cartId, itemId, productId: 'mug', price: 100 }))
    given(addItem, [created, ...old])
      .when(itemOf('4'))
      .thenRefused('CartFull', { max: 3 })
  })
  test('changes nothing when the item is in the cart already', () =>
    given(addItem, [created, added('1')])
      .when(itemOf('1'))
      .thenNothing())
})

describe('removing and clearing', () => {
  test('CART-4 refuse an unknown item and an unknown cart', () => {
    given(removeItem, [created, added('1')])
      .when({ cartId, itemId: 'x' })
      .thenRefused('ItemNotInCart')
    given(removeItem, []).when({ cartId, itemId: 'x' }).thenRefused('CartDoesNotExist')
    given(clearCart, []).when({ cartId }).thenRefused('CartDoesNotExist')
    given(clearCart, [created]).when({ cartId }).thenRefused('CartIsEmpty')
  })
  test('are refused after the order', () => {
    const ordered = [created, added('1'), submitted]
    given(removeItem, ordered).when({ cartId, itemId: '1' }).thenRefused('CartCannotBeAltered')
    given(clearCart, ordered).when({ cartId }).thenRefused('CartCannotBeAltered')
  })
  test('take out one item, or all', () => {
    const full = [created, added('1'), added('2')]
    given(removeItem, full)
      .when({ cartId, itemId: '2' })
      .then([events.ItemRemoved({ cartId, itemId: '2' })])
    given(clearCart, full)
      .when({ cartId })
      .then([events.CartCleared({ cartId })])
  })
})

const upcastOrder = (old: unknown) =>
  submitCart.upcast[1]?.(old as never) as { cartId: string; total: number; productIds: string[] }

describe('ordering', () => {
  const productIds = ['mug']
  const full = [created, added('1', 100), added('2', 250)]
  const wish = { cartId, productIds, total: 350 }
  const products = [
    { productId: 'mug', price: 100 },
    { productId: 'mug', price: 250 },
  ]
  const order = events.CartSubmitted({ cartId, products, total: 350 })
  test('CART-B takes the items in their order, each at the price it was added for', () =>
    given(submitCart, full).when(wish).then([order]))
  test('CART-12 says that the cart is unknown, empty, ordered, or not what was seen', () => {
    given(submitCart, [])
      .when({ ...wish, total: 0 })
      .thenRefused('CartDoesNotExist')
    const cleared = [created, added('1'), events.CartCleared({ cartId })]
    given(submitCart, cleared)
      .when({ ...wish, total: 0 })
      .thenRefused('CartIsEmpty')
    given(submitCart, [...full, submitted])
      .when(wish)
      .thenRefused('CartCannotBeAltered')
    given(submitCart, full)
      .when({ ...wish, total: 100 })
      .thenRefused('TotalChanged', { total: 350 })
    given(submitCart, [...full, added('3', 0, 'cap')])
      .when(wish)
      .thenRefused('CartChanged')
  })
  test('looks at the whole shelf when an older page left it pending', () =>
    // Its command is kept as of version 1, which named no products.
    given(submitCart, [...full, counted(0)])
      .when(upcastOrder({ cartId, total: 350 }))
      .thenRefused('OutOfStock', { productId: 'mug', inventory: 0 }))
  test('is refused while there is less in stock than the cart holds, by the last count', () => {
    given(submitCart, [...full, counted(0)])
      .when(wish)
      .thenRefused('OutOfStock', { productId: 'mug', inventory: 0 })
    given(submitCart, [...full, counted(1)])
      .when(wish)
      .thenRefused('OutOfStock', { productId: 'mug', inventory: 1 })
    for (const enough of [[counted(2)], [counted(0), counted(2)], [counted(0, 'cap')]])
      given(submitCart, [...full, ...enough])
        .when(wish)
        .then([order])
  })
})
