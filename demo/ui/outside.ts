import { createTranslator } from 'tidelog/automation'
import { type Goods, goodOf, goods } from '../goods.ts'
import { translatePrice, translateStock } from '../outside/messages.ts'
import { currentMood, moods, setMood } from '../outside/mood.ts'
import { moodToWords } from '../outside/words.ts'
import type { Product } from '../products.ts'
import type { ShopLog } from '../shop.ts'
import { thisDevice } from '../this-device.ts'
import { mustFind, mustFindInput, setText } from './dom.ts'
import type { Notices } from './notices.ts'
import { mountSource } from './source.ts'

/** The outside world, played by the visitor: who counts the stock, who makes the prices, and who takes the orders. */
export async function mountOutside(log: ShopLog, notices: Notices): Promise<void> {
  mountMood()
  // Each device hears the outside world on a line of its own, with offsets of its own.
  const sourceOf = (what: string): string => `${what} of ${thisDevice()}`
  const view = log.view(goods)
  await view.ready
  const stock = createTranslator(log, sourceOf('stock'), translateStock)
  await mountSource(
    mustFind('#stock'),
    {
      translator: stock,
      compose: ({ productId }, number) => ({ box: productId, left: number }),
      suggest: () => 0,
      nonsense: { box: 'lantern', left: 'a few' },
    },
    notices,
  )
  const prices = createTranslator(log, sourceOf('prices'), translatePrice)
  await mountSource(
    mustFind('#price'),
    {
      translator: prices,
      compose: (product, number) => {
        return { good: product.productId, was: priceOf(product, view.get()), is: Math.round(number * 100) }
      },
      suggest: (product) => cheaper(priceOf(product, view.get())) / 100,
      nonsense: { good: 'lantern', is: 'cheap' },
    },
    notices,
  )
}

const priceOf = (product: Product, known: Goods): number => goodOf(known, product.productId).price ?? product.price
/** A tenth less, in steps of ten cents. */
const cheaper = (cents: number): number => Math.max(10, Math.round((cents * 0.9) / 10) * 10)

/** How the harbour office treats orders. */
function mountMood(): void {
  const show = (): void => setText(mustFind('#mood-words'), moodToWords[currentMood()])
  for (const mood of moods) {
    const radio = mustFindInput(`[data-testid=mood-${mood}]`)
    radio.checked = mood === currentMood()
    radio.addEventListener('change', () => {
      setMood(mood)
      show()
    })
  }
  show()
}
