// The model: one definition for the page, the worker and whoever else reads this log.

import type { AppendRefused, DeadLetter, Executed, Log, RefusalsOf } from 'tidelog'
import { defineLog } from 'tidelog'
import { archiveItem } from './archive.ts'
import { automationsWith, type Publish } from './automations.ts'
import { events, type ShopMap } from './events.ts'
import { publishOutside } from './outside/publisher.ts'
import { inventories, openCarts, orders } from './read-models.ts'
import { addItem, clearCart, removeItem, submitCart } from './rules.ts'

const deciders = [addItem, removeItem, clearCart, submitCart, archiveItem] as const

/** The shop, with a harbour office of one's own. */
export const shopWith = (publish: Publish) =>
  defineLog({
    ...{ name: 'shop', events, deciders },
    automations: automationsWith(publish),
    readModels: [inventories, openCarts, orders],
  })
export const shop = shopWith(publishOutside)

export type ShopDecider = (typeof deciders)[number]
export type ShopLog = Log<ShopMap, ShopDecider>
/** A wish that did not come into the log, with its reason. */
export type Letter = DeadLetter<ShopMap, ShopDecider>
export type ShopAnswer = Executed<ShopMap, ShopDecider>
/** What the rules can say no with. */
export type ShopRefusal = RefusalsOf<ShopDecider>
/** Why a wish was not carried out: a rule said no, or the log did. */
export type Trouble = AppendRefused | ShopRefusal
