import type { Fact } from 'tidelog'
import { describe, expect, test } from 'vitest'
import { addItem, clearCart, removeItem, submitCart } from './rules.ts'
import { type Cart, events, evolve, type ShopMap } from './shop.ts'

const cartId = 'c'
const itemOf = (itemId: string, price = 100) => ({ cartId, itemId, productId: 'mug', price, fingerprint: 'test' })
const created = events.CartCreated({ cartId })
const added = (itemId: string, price?: number) => events.ItemAdded(itemOf(itemId, price))
const submitted = events.CartSubmitted({ cartId, products: [], total: 0 })

const cartAfter = (...history: readonly Fact<ShopMap>[]): Cart | undefined =>
  history.reduce<Cart | undefined>((cart, fact, at) => {
    const place = { id: `${at}`, commitId: `${at}`, stream: 'cart-c', version: at + 1, position: at + 1 }
    return evolve(cart, { ...fact, ...place, time: '2026-01-01T00:00:00.000Z', metadata: {}, tags: [] })
  }, undefined)

describe('adding an item', () => {
  test('CART-2 creates an absent cart with its first item, in one commit', () =>
    expect(addItem(itemOf('i')).decide(cartAfter())).toEqual([created, added('i')]))
  test('adds up to three items and refuses the fourth', () => {
    expect(addItem(itemOf('3')).decide(cartAfter(created, added('1'), added('2')))).toEqual([added('3')])
    const full = cartAfter(created, added('1'), added('2'), added('3'))
    expect(addItem(itemOf('4')).decide(full)).toEqual({ type: 'CartFull', max: 3 })
  })
  test('is refused after the order', () =>
    expect(addItem(itemOf('i')).decide(cartAfter(created, submitted))).toEqual({ type: 'CartCannotBeAltered' }))
  test('changes nothing when the item is in the cart already', () =>
    expect(addItem(itemOf('1')).decide(cartAfter(created, added('1')))).toEqual([]))
})

describe('removing and clearing', () => {
  test('CART-4 refuse an unknown item and an unknown cart', () => {
    expect(removeItem({ cartId, itemId: 'x' }).decide(cartAfter(created, added('1')))).toEqual({
      type: 'ItemNotInCart',
    })
    expect(removeItem({ cartId, itemId: 'x' }).decide(cartAfter())).toEqual({ type: 'CartDoesNotExist' })
    expect(clearCart({ cartId }).decide(cartAfter())).toEqual({ type: 'CartDoesNotExist' })
  })
  test('are refused after the order', () => {
    const ordered = cartAfter(created, added('1'), submitted)
    expect(removeItem({ cartId, itemId: '1' }).decide(ordered)).toEqual({ type: 'CartCannotBeAltered' })
    expect(clearCart({ cartId }).decide(ordered)).toEqual({ type: 'CartCannotBeAltered' })
  })
  test('take out one item, or all', () => {
    const cart = cartAfter(created, added('1'), added('2'))
    expect(removeItem({ cartId, itemId: '2' }).decide(cart)).toEqual([events.ItemRemoved({ cartId, itemId: '2' })])
    expect(clearCart({ cartId }).decide(cart)).toEqual([events.CartCleared({ cartId })])
  })
})

describe('ordering', () => {
  test('is refused for an empty cart', () => {
    expect(submitCart({ cartId }).decide(cartAfter(created))).toEqual({ type: 'CartIsEmpty' })
    expect(submitCart({ cartId }).decide(cartAfter(created, added('1'), events.CartCleared({ cartId })))).toEqual({
      type: 'CartIsEmpty',
    })
  })
  test('takes each item at the price it was added for', () => {
    const decision = submitCart({ cartId }).decide(cartAfter(created, added('1', 100), added('2', 250)))
    const products = [
      { productId: 'mug', price: 100 },
      { productId: 'mug', price: 250 },
    ]
    expect(decision).toEqual([events.CartSubmitted({ cartId, products, total: 350 })])
  })
  test('happens once', () =>
    expect(submitCart({ cartId }).decide(cartAfter(created, added('1'), submitted))).toEqual({
      type: 'CartCannotBeAltered',
    }))
})
