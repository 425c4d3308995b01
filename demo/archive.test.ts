import { given } from 'tidelog/testing'
import { describe, test } from 'vitest'
import { archiveItem } from './archive.ts'
import { archiveOnPriceChange, publishCart } from './automations.ts'
import { events } from './events.ts'

const productId = 'mug'
const item = (cartId: string, itemId: string, price = 100) =>
  events.ItemAdded({ cartId, itemId, productId, price, fingerprint: 'test' })
const archived = (cartId: string, itemId: string) => events.ItemArchived({ cartId, itemId, productId })
const priced = (newPrice: number) => events.PriceChanged({ productId, oldPrice: 100, newPrice })
const held = [item('a', '1'), item('a', '2'), item('b', '3')]

describe('archiving a product', () => {
  test('CART-9 takes it out of every cart that holds it at another price', () =>
    given(archiveItem, [...held, priced(90)])
      .when({ productId })
      .then([archived('a', '1'), archived('a', '2'), archived('b', '3')]))
  test('CART-9 decides nothing the second time, nor where nothing is held, nor without a new price', () => {
    given(archiveItem, [...held, priced(90)])
      .when({ productId })
      .when({ productId })
      .thenNothing()
    given(archiveItem, [priced(90)])
      .when({ productId })
      .thenNothing()
    given(archiveItem, held).when({ productId }).thenNothing()
  })
  test('leaves what was removed, cleared or ordered, and what has the new price', () => {
    const gone = [
      events.ItemRemoved({ cartId: 'a', itemId: '1' }),
      events.CartSubmitted({ cartId: 'b', products: [], total: 0 }),
    ]
    given(archiveItem, [...held, ...gone, priced(90), item('c', '4', 90), item('d', '5', 95)])
      .when({ productId })
      .then([archived('a', '2'), archived('d', '5')])
    given(archiveItem, [...held, events.CartCleared({ cartId: 'a' }), priced(90)])
      .when({ productId })
      .then([archived('b', '3')])
  })
  test('CART-9 follows from a price change', () =>
    given(archiveOnPriceChange, held).when(priced(90)).thenExecutes(archiveItem, { productId }))
})

test('CART-10 an order asks for one task, which knows what to tell the harbour office', () => {
  const products = [{ productId, price: 100 }]
  const publish = publishCart(async () => {})
  given(publish)
    .plans(events.CartSubmitted({ cartId: 'a', products, total: 100 }))
    .thenPlanned({ input: { cartId: 'a', total: 100, things: 1 } })
  given(publish)
    .plans(events.CartCreated({ cartId: 'a' }))
    .thenNothing()
})
