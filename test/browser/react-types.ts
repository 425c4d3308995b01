// Compiled, never run: each expected error must be one.

import { useCommand, useDeadLetters, useSync, useView } from 'tidelog/react'
import { texts } from './notes.ts'
import { addItem, cart, count, removeNothing, stranger } from './react-model.ts'
import type { CartsLog } from './react-mount.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <T extends true>(_?: T): void => {}

export function useAll(log: CartsLog): void {
  const items = useView(log, cart, { cartId: 'c' })
  same<Equal<typeof items, readonly string[]>>()
  useView(log, count).toFixed()
  // @ts-expect-error the parameters are missing
  useView(log, cart)
  // @ts-expect-error no such parameter
  useView(log, cart, { cardId: 'c' })
  // @ts-expect-error it takes none
  useView(log, count, { cartId: 'c' })
  // @ts-expect-error a projection of another model
  useView(log, texts, { topic: 'c' })

  const [add, adding] = useCommand(log, addItem)
  add({ cartId: 'c', item: 'rope' }, { commitId: 'mine' }).then((outcome) => {
    if (outcome.ok) same<Equal<(typeof outcome.events)[number]['type'], 'ItemAdded'>>()
    else if (outcome.reason.type === 'CartFull') outcome.reason.data.max.toFixed()
  })
  const { refused } = adding
  if (refused?.type === 'CartFull') same<Equal<typeof refused.data, { max: number }>>()
  if (refused?.type === 'StorageFull') refused.message.at(0)
  same<Equal<NonNullable<typeof adding.refusedLater>['reason']['type'], 'CartFull' | 'Rejected'>>()
  // @ts-expect-error another command
  add({ cartId: 'c' })
  // @ts-expect-error a command has no expected version
  add({ cartId: 'c', item: 'rope' }, { expectedVersion: 0 })
  // @ts-expect-error a decider that the log does not have
  useCommand(log, stranger)
  const [remove, removing] = useCommand(log, removeNothing)
  remove({ cartId: 'c' })
  same<Equal<NonNullable<typeof removing.refusedLater>['reason']['type'], 'NothingRemoved' | 'Rejected'>>()

  useSync(log).retryAt?.toFixed()
  const letters = useDeadLetters(log)
  for (const letter of letters) if (letter.decider === 'add-item') letter.command.item.at(0)
}
