import type { Log } from 'tidelog'
import { carryOut } from '../commands.ts'
import type { Product } from '../products.ts'
import { currentCartId, newId } from '../route.ts'
import { addItem, clearCart, type Rule, removeItem, submitCart } from '../rules.ts'
import type { ShopMap } from '../shop.ts'
import { thisDevice } from '../this-device.ts'
import { troubleToWords } from '../words.ts'
import type { Notices } from './notices.ts'

/** What a visitor can do. Each answers whether it was done, and has said so. */
export interface Actions {
  readonly add: (product: Product) => Promise<boolean>
  readonly remove: (itemId: string, name: string) => Promise<boolean>
  readonly clear: () => Promise<boolean>
  readonly submit: () => Promise<boolean>
  /** For other modules' rules: carries it out and says how it went. */
  readonly tell: (rule: Rule, done: string) => Promise<boolean>
}

export function createActions(log: Log<ShopMap>, notices: Notices): Actions {
  const tell = async (rule: Rule, done: string): Promise<boolean> => {
    try {
      const answer = await carryOut(log, rule)
      if (answer.ok) notices.say(done)
      else notices.refuse(troubleToWords(answer.reason))
      return answer.ok
    } catch (error) {
      notices.refuse(error instanceof Error ? error.message : String(error))
      return false
    }
  }
  return {
    tell,
    add: ({ productId, price, name }) => {
      const item = { cartId: currentCartId(), itemId: newId(), productId, price, fingerprint: thisDevice() }
      return tell(addItem(item), `${name} is in the cart.`)
    },
    remove: (itemId, name) => tell(removeItem({ cartId: currentCartId(), itemId }), `${name} is out of the cart.`),
    clear: () => tell(clearCart({ cartId: currentCartId() }), 'The cart is empty.'),
    submit: () => tell(submitCart({ cartId: currentCartId() }), 'Ordered. Thank you!'),
  }
}
