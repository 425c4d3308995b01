// Which cart the page shows is part of its address: #cart=demo. So a link is all that another device needs.

import { newId } from './new-id.ts'

const fallback = 'demo'
const cartIdMax = 64

const cartIdOf = (hash: string): string | undefined => {
  const id = new URLSearchParams(hash.replace(/^#/, '')).get('cart')?.trim()
  return id ? id.slice(0, cartIdMax) : undefined
}

/** A bare address is the cart of everyone. */
const cartIdNow = (): string | undefined => (location.hash === '' ? fallback : cartIdOf(location.hash))

let current = cartIdNow() ?? fallback

export const currentCartId = (): string => current

export const cartLink = (cartId: string): string => `#${new URLSearchParams({ cart: cartId })}`

/** Calls back when the address names another cart. A hash that names none leaves the page as it is. */
export function onCartChange(onChange: () => void): void {
  addEventListener('hashchange', () => {
    const next = cartIdNow()
    if (next === undefined || next === current) return
    current = next
    onChange()
  })
}

export const openNewCart = (): void => {
  location.hash = cartLink(newId())
}
