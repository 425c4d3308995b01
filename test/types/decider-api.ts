// Compiled by `npm run check` with the newest and the oldest supported TypeScript; every expected error must be one.

import {
  type CommandOf,
  defineDecider,
  defineLog,
  type FactsOf,
  type LogOf,
  openLog,
  type RefusalsOf,
  refuse,
  type,
  unwrap,
} from 'tidelog'
import { z } from 'zod'
import { addItem, type clearCart, type removeItem, ruledShop, type submitCart } from './deciders.ts'
import { define, events } from './shop.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <T extends true>(_?: T): void => {}

// What a decider is made of.
same<Equal<CommandOf<typeof addItem>, { cartId: string; itemId: string; productId: string; price: number }>>()
same<Equal<CommandOf<typeof clearCart>, { cartId: string }>>()
same<Equal<RefusalsOf<typeof addItem>['type'], 'CartCannotBeAltered' | 'CartFull'>>()
same<Equal<Extract<RefusalsOf<typeof addItem>, { type: 'CartFull' }>['data'], { max: number }>>()
same<Equal<RefusalsOf<typeof submitCart>['type'], 'CartIsEmpty'>>()
same<Equal<FactsOf<typeof addItem>['type'], 'CartCreated' | 'ItemAdded'>>()
same<Equal<FactsOf<typeof removeItem>['type'], 'ItemRemoved'>>()

// Definitions.
const command = type<{ cartId: string }>()
interface Status {
  status: 'open' | 'closed'
}
const status = define.projection<Status>({
  name: 'status',
  version: 1,
  initial: { status: 'open' },
  on: { CartSubmitted: () => ({ status: 'closed' }) },
})
const close = define.decider({
  name: 'close',
  command: z.object({ cartId: z.string(), by: z.string().default('me') }),
  scope: (asked) => ({ stream: asked.cartId }),
  state: status,
  decide: (asked, state) => {
    same<Equal<typeof state, Status>>()
    same<Equal<typeof asked, { cartId: string; by: string }>>()
    return state.status === 'closed' ? refuse('AlreadyClosed') : [events.CartCleared({ cartId: asked.cartId })]
  },
})
same<Equal<CommandOf<typeof close>, { cartId: string; by?: string | undefined }>>()
defineDecider(events, {
  name: 'bad',
  command,
  // @ts-expect-error no such tag
  scope: (asked) => ({ query: { tags: { cardId: asked.cartId } } }),
  initial: 0,
  evolve: {},
  decide: () => [],
})
// @ts-expect-error an empty scope
defineDecider(events, { name: 'bad', command, scope: () => ({}), initial: 0, evolve: {}, decide: () => [] })
defineDecider(events, {
  name: 'bad',
  command,
  scope: () => ({ stream: 'x' }),
  initial: 0,
  evolve: {},
  // @ts-expect-error not an event of this log
  decide: () => [{ type: 'Nope', data: 1 }],
})
defineDecider(events, {
  name: 'bad',
  command,
  scope: () => ({ stream: 'x' }),
  initial: 0,
  evolve: {},
  // @ts-expect-error a promise is no decision
  decide: async () => [],
})
defineDecider(events, {
  name: 'bad',
  command,
  scope: () => ({ stream: 'x' }),
  initial: 0,
  // @ts-expect-error unknown event name
  evolve: { ItemAded: (state: number) => state },
  decide: () => [],
})
const twice = { name: 'bad', command, scope: () => ({ stream: 'x' }), decide: () => [] } as const
// @ts-expect-error a state from two places
defineDecider(events, { ...twice, initial: { status: 'open' }, evolve: {}, state: status })
// @ts-expect-error a state from nowhere
defineDecider(events, twice)

// Commands.
const log: LogOf<typeof ruledShop> = openLog(ruledShop)
const item = { cartId: 'c', itemId: 'i', productId: 'p', price: 1 }
const outcome = await log.execute(addItem, item, { commitId: 'mine', metadata: { actor: 'ann' }, durability: 'strict' })
type Refused =
  | 'Invalid'
  | 'TooLarge'
  | 'StreamClosed'
  | 'StorageFull'
  | 'StorageUnavailable'
  | 'IdTaken'
  | 'UpdateNeeded'
if (!outcome.ok) {
  same<Equal<typeof outcome.reason.type, Refused | 'CartCannotBeAltered' | 'CartFull'>>()
  if (outcome.reason.type === 'CartFull') same<Equal<typeof outcome.reason.data, { max: number }>>()
} else {
  same<Equal<(typeof outcome.events)[number]['type'], 'CartCreated' | 'ItemAdded'>>()
  const end = await log.whenConfirmed(outcome.receipt)
  same<Equal<typeof end.status, 'confirmed' | 'withdrawn' | 'rejected' | 'conflict' | 'refused' | 'nothing-to-do'>>()
  if (end.status === 'refused') same<Equal<typeof end.reason.type, 'CartCannotBeAltered' | 'CartFull'>>()
  if (end.status === 'refused' && end.reason.type === 'CartFull') end.reason.data.max.toFixed()
}
// @ts-expect-error a wrong command
await log.execute(addItem, { cartId: 'c' })
// @ts-expect-error a command has no expected version
await log.execute(addItem, item, { expectedVersion: 0 })
// @ts-expect-error a decider that the log does not have
await log.execute(close, { cartId: 'c' })
// @ts-expect-error a log without deciders
await openLog(defineLog({ name: 'bare', events })).execute(addItem, item)
const anywhere = await log.whenConfirmed({ commitId: 'kept elsewhere' })
if (anywhere.status === 'refused') same<Equal<typeof anywhere.reason.type, string>>()
if (anywhere.status === 'conflict') anywhere.events.at(0)

// Taking back.
const withdrawal = await log.withdraw(unwrap(outcome).receipt)
if (withdrawal.ok) same<Equal<typeof withdrawal.sent, boolean>>()
else if (withdrawal.reason.type === 'Confirmed') withdrawal.reason.position.toFixed()
await log.withdraw({ commitId: 'mine' })

// Dead letters.
for (const letter of await log.deadLetters.list()) {
  letter.attempt.toFixed()
  letter.causedBy.at(0)
  switch (letter.decider) {
    case 'add-item':
      same<Equal<typeof letter.command, CommandOf<typeof addItem>>>()
      if (letter.reason.type === 'CartFull') letter.reason.data.max.toFixed()
      same<
        Equal<typeof letter.reason.type, 'CartFull' | 'CartCannotBeAltered' | 'Conflict' | 'Rejected' | 'Confirmed'>
      >()
      break
    case 'submit-cart':
      if (letter.reason.type === 'CartIsEmpty') same<Equal<typeof letter.reason.data, undefined>>()
      break
    case undefined:
      same<Equal<typeof letter.reason.type, 'Conflict' | 'Rejected' | 'Confirmed'>>()
      if (letter.reason.type === 'Conflict') letter.reason.events.at(0)
      break
    case 'remove-item':
    case 'clear-cart':
      break
    default:
      letter satisfies never
  }
}
log.deadLetters.subscribe(() => log.deadLetters.get().length)
const again = await log.deadLetters.retry('mine')
if (!again.ok && again.reason.type === 'ItemNotInCart') again.reason.data.itemId.at(0)
same<Equal<Awaited<ReturnType<typeof log.deadLetters.discard>>, boolean>>()
same<Equal<Awaited<ReturnType<typeof log.deadLetters.export>>, string>>()
