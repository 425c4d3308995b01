import { type CartItem, totalOf } from '../cart.ts'
import { newId } from '../new-id.ts'
import { type Product, productOf } from '../products.ts'
import { currentCartId } from '../route.ts'
import { addItem, clearCart, removeItem, submitCart } from '../rules.ts'
import type { ShopAnswer, ShopLog } from '../shop.ts'
import { thisDevice } from '../this-device.ts'
import { troubleToWords } from '../words.ts'
import type { Notices } from './notices.ts'

/** What a visitor can do. Each of them says how it went. */
export interface Actions {
  /** At the price that the visitor saw. */
  readonly add: (product: Product) => Promise<void>
  /** Takes it back while it is pending, and removes it afterwards. */
  readonly remove: (item: CartItem) => Promise<void>
  readonly clear: () => Promise<void>
  readonly submit: (items: readonly CartItem[]) => Promise<void>
  /** Takes back whatever a pending commit did. */
  readonly takeBack: (commitId: string, what?: string) => Promise<void>
  /** Decides a refused wish again. */
  readonly tryAgain: (commitId: string, wish: string) => Promise<void>
}

export function createActions(log: ShopLog, notices: Notices): Actions {
  const guard = async (run: () => Promise<void>): Promise<void> => {
    try {
      await run()
    } catch (error) {
      notices.refuse(error instanceof Error ? error.message : String(error))
    }
  }
  const tell = (run: () => Promise<ShopAnswer>, done: string): Promise<void> =>
    guard(async () => {
      const answer = await run()
      if (answer.ok) notices.say(done)
      else notices.refuse(troubleToWords(answer.reason))
    })
  /** Answers whether it was still pending. */
  const withdraw = async (commitId: string, what: string): Promise<boolean> => {
    const answer = await log.withdraw({ commitId })
    if (answer.ok)
      notices.say(
        answer.sent
          ? `${what} is taken back, but it may have been sent already: if the server has it, it comes back.`
          : `${what} is taken back. Nobody else has seen it.`,
      )
    return answer.ok
  }
  return {
    add: ({ productId, price, name }) => {
      const item = { cartId: currentCartId(), itemId: newId(), productId, price, fingerprint: thisDevice() }
      return tell(() => log.execute(addItem, item), `${name} is in the cart.`)
    },
    remove: async ({ itemId, productId, pending, commitId }) => {
      const { name } = productOf(productId)
      const cartId = currentCartId()
      await guard(async () => {
        // What was confirmed a moment ago can't be taken back any more, but it can be removed.
        if (pending && (await withdraw(commitId, name))) return
        await tell(() => log.execute(removeItem, { cartId, itemId }), `${name} is out of the cart.`)
      })
    },
    clear: () => tell(() => log.execute(clearCart, { cartId: currentCartId() }), 'The cart is empty.'),
    submit: (items) => {
      const productIds = items.map(({ productId }) => productId)
      const order = { cartId: currentCartId(), total: totalOf(items), productIds }
      return tell(() => log.execute(submitCart, order), 'Ordered. Thank you!')
    },
    takeBack: (commitId, what = 'It') =>
      guard(async () => {
        if (!(await withdraw(commitId, what))) notices.refuse(`${what} is no longer pending.`)
      }),
    tryAgain: (commitId, wish) => tell(() => log.deadLetters.retry(commitId), `${wish}: done.`),
  }
}
