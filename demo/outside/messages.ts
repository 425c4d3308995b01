// What the outside world sends, and what it means here. The shop's own words begin behind this door.

import * as v from 'valibot'
import { events } from '../events.ts'
import { products } from '../products.ts'

const Count = v.pipe(v.number(), v.integer(), v.minValue(0))
/** Those who count the stock speak of boxes and how many are in them. */
const StockMessage = v.object({ box: v.string(), left: Count })
/** Those who make the prices speak of goods, and of the price before. */
const PriceMessage = v.object({ good: v.string(), was: Count, is: Count })

const isOnShelf = (productId: string): boolean => products.some((product) => product.productId === productId)

/** A count of something that is not on the shelf means nothing here. Throws for what is no message of theirs. */
export const translateStock = (message: unknown) => {
  const { box, left } = v.parse(StockMessage, message)
  return isOnShelf(box) ? [events.InventoryChanged({ productId: box, inventory: left })] : undefined
}

/** So does a price that stays as it is. Throws for what is no message of theirs. */
export const translatePrice = (message: unknown) => {
  const { good, was, is } = v.parse(PriceMessage, message)
  const isNews = isOnShelf(good) && was !== is
  return isNews ? [events.PriceChanged({ productId: good, oldPrice: was, newPrice: is })] : undefined
}
