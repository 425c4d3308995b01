/** What the shop sells. Prices are in cents. */
export interface Product {
  readonly productId: string
  readonly name: string
  readonly about: string
  readonly price: number
}

export const products: readonly Product[] = [
  { productId: 'lantern', name: 'Storm lantern', about: 'Burns through a gale', price: 3800 },
  { productId: 'compass', name: 'Brass compass', about: 'Still points north', price: 5600 },
  { productId: 'cap', name: 'Watch cap', about: 'Wool, for the cold watch', price: 2400 },
  { productId: 'rope', name: 'Mooring line', about: 'Ten metres, spliced', price: 1950 },
  { productId: 'mug', name: 'Enamel mug', about: 'Survives the galley', price: 900 },
  { productId: 'tables', name: 'Tide tables', about: 'High and low, all year', price: 1250 },
  { productId: 'sardines', name: 'Tinned sardines', about: 'Supper in a swell', price: 450 },
  { productId: 'flags', name: 'Signal flags', about: 'When the radio is out', price: 4200 },
]

const byId = new Map(products.map((product) => [product.productId, product]))

/** An event may name a product that this shelf no longer has, so there is always something to show. */
export const productOf = (productId: string): Product =>
  byId.get(productId) ?? { productId, name: productId, about: 'No longer on the shelf', price: 0 }
