// Read, fold, decide, append on the condition that nothing came in between that could change the decision.

import type { AppendRefused, Log } from 'tidelog'
import type { Refusal, Rule } from './rules.ts'
import type { Cart, ShopEvent, ShopMap } from './shop.ts'
import { evolve } from './shop.ts'

export type Trouble = Refusal | AppendRefused | { readonly type: 'Overtaken' }
export type Answer = { readonly ok: true } | { readonly ok: false; readonly reason: Trouble }

const attemptsMax = 8

/** Carries a rule out. Other tabs may write at the same moment: then it is decided again on the fresh cart. */
export async function carryOut(log: Log<ShopMap>, rule: Rule): Promise<Answer> {
  const { cartId } = rule
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const { events, head } = await log.read({ query: { tags: { cartId } }, unknown: 'yield' }).all()
    const known: ShopEvent[] = []
    for (const event of events) {
      // Deciding on half of what happened would be a guess.
      if (event.type === '$unknown') return { ok: false, reason: { type: 'UpdateNeeded', message: event.originalType } }
      known.push(event)
    }
    const decision = rule.decide(known.reduce<Cart | undefined>(evolve, undefined))
    if ('type' in decision) return { ok: false, reason: decision }
    if (decision.length === 0) return { ok: true }
    const condition = { failIfEventsMatch: { types: rule.overtakenBy, tags: { cartId } }, after: head }
    const outcome = await log.append(decision, condition)
    if (outcome.ok) return { ok: true }
    if (outcome.reason.type !== 'ConditionConflict') return { ok: false, reason: outcome.reason }
  }
  return { ok: false, reason: { type: 'Overtaken' } }
}
