import { type Fact, refuse } from 'tidelog'
import { describe, expect, test } from 'vitest'
import { type Cart, events, evolve, type ShopMap } from './cart.ts'
import { decideAdd, decideClear, decideRemove, decideSubmit } from './rules.ts'

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
    expect(decideAdd(itemOf('i'), cartAfter())).toEqual([created, added('i')]))
  test('adds up to three items and refuses the fourth', () => {
    expect(decideAdd(itemOf('3'), cartAfter(created, added('1'), added('2')))).toEqual([added('3')])
    const full = cartAfter(created, added('1'), added('2'), added('3'))
    expect(decideAdd(itemOf('4'), full)).toEqual(refuse('CartFull', { max: 3 }))
  })
  test('is refused after the order', () =>
    expect(decideAdd(itemOf('i'), cartAfter(created, submitted))).toEqual(refuse('CartCannotBeAltered')))
  test('changes nothing when the item is in the cart already', () =>
    expect(decideAdd(itemOf('1'), cartAfter(created, added('1')))).toEqual([]))
})

describe('removing and clearing', () => {
  test('CART-4 refuse an unknown item and an unknown cart', () => {
    expect(decideRemove({ cartId, itemId: 'x' }, cartAfter(created, added('1')))).toEqual(refuse('ItemNotInCart'))
    expect(decideRemove({ cartId, itemId: 'x' }, cartAfter())).toEqual(refuse('CartDoesNotExist'))
    expect(decideClear({ cartId }, cartAfter())).toEqual(refuse('CartDoesNotExist'))
  })
  test('are refused after the order', () => {
    const ordered = cartAfter(created, added('1'), submitted)
    expect(decideRemove({ cartId, itemId: '1' }, ordered)).toEqual(refuse('CartCannotBeAltered'))
    expect(decideClear({ cartId }, ordered)).toEqual(refuse('CartCannotBeAltered'))
  })
  test('take out one item, or all', () => {
    const cart = cartAfter(created, added('1'), added('2'))
    expect(decideRemove({ cartId, itemId: '2' }, cart)).toEqual([events.ItemRemoved({ cartId, itemId: '2' })])
    expect(decideClear({ cartId }, cart)).toEqual([events.CartCleared({ cartId })])
  })
})

describe('ordering', () => {
  const full = cartAfter(created, added('1', 100), added('2', 250))
  test('is refused for an empty cart and an unknown one', () => {
    expect(decideSubmit({ cartId, total: 0 }, cartAfter(created))).toEqual(refuse('CartIsEmpty'))
    const cleared = cartAfter(created, added('1'), events.CartCleared({ cartId }))
    expect(decideSubmit({ cartId, total: 0 }, cleared)).toEqual(refuse('CartIsEmpty'))
    expect(decideSubmit({ cartId, total: 0 }, cartAfter())).toEqual(refuse('CartDoesNotExist'))
  })
  test('takes each item at the price it was added for', () => {
    const products = [
      { productId: 'mug', price: 100 },
      { productId: 'mug', price: 250 },
    ]
    expect(decideSubmit({ cartId, total: 350 }, full)).toEqual([events.CartSubmitted({ cartId, products, total: 350 })])
  })
  test('is refused when the total is not the one that was seen', () =>
    expect(decideSubmit({ cartId, total: 100 }, full)).toEqual(refuse('TotalChanged', { total: 350 })))
  test('happens once', () =>
    expect(decideSubmit({ cartId, total: 100 }, cartAfter(created, added('1'), submitted))).toEqual(
      refuse('CartCannotBeAltered'),
    ))
})
