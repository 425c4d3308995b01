// What the simulations share: facts of the shop, and what has to hold of every world once it is quiet.

import { type Outcome, unwrap } from 'tidelog'
import { type SimulateOptions, simulate } from 'tidelog/testing'
import { expect } from 'vitest'
import { define, events, shop } from './types/shop.ts'

/** A world of the shop in which every first tab follows its log from the start, so that its view is live, not a refold. */
export function shopWorld(options: SimulateOptions = {}) {
  const world = simulate(shop, options)
  for (const { log } of world.devices) log.view(history)
  return world
}
export type ShopWorld = ReturnType<typeof shopWorld>
export type ShopDevice = ShopWorld['devices'][number]
export type ShopLog = ShopDevice['log']

export const created = (cartId: string) => events.CartCreated({ cartId })
export const added = (cartId: string, itemId: string, productId = 'p1') =>
  events.ItemAdded({ cartId, itemId, productId, price: 2 })

/** Every event of the log with its place, as text, pending ones too: what any fold sees. */
const history = define.projection<readonly string[]>({
  name: 'history',
  version: 1,
  initial: [],
  on: {
    CartCreated: (state, event) => [...state, placeOf(event)],
    ItemAdded: (state, event) => [...state, placeOf(event)],
    ItemRemoved: (state, event) => [...state, placeOf(event)],
    CartCleared: (state, event) => [...state, placeOf(event)],
    CartSubmitted: (state, event) => [...state, placeOf(event)],
  },
})
interface Place {
  readonly id: string
  readonly commitId: string
  readonly stream: string
  readonly version: number
  readonly position: number | undefined
}
const placeOf = ({ id, commitId, stream, version, position }: Place): string =>
  JSON.stringify({ id, commitId, stream, version, position })

export const readAll = async (log: ShopLog) => (await log.read().all()).events
export const placesIn = async (log: ShopLog): Promise<readonly string[]> => (await readAll(log)).map(placeOf)

/** The devices of a world; throws when there are fewer. */
export function devicesOf(world: ShopWorld, count: number): readonly ShopDevice[] {
  if (world.devices.length < count) throw new Error(`${count} devices are wanted`)
  return world.devices
}

/** What devices were told is kept, by the log that told it. */
export class Acknowledged {
  readonly #ids = new Map<ShopDevice, string[]>()

  /** Notes an append; a refusal is no promise. */
  async note(device: ShopDevice, appending: Promise<Outcome<unknown, { readonly type: string }>>): Promise<boolean> {
    const outcome = await appending
    if (outcome.ok) this.#ids.set(device, [...(this.#ids.get(device) ?? []), unwrap(outcome).receipt.commitId])
    return outcome.ok
  }

  of(device: ShopDevice): readonly string[] {
    return this.#ids.get(device) ?? []
  }
}

/**
 * What holds of every world: one log everywhere, positions without a gap, versions that count each stream, no commit
 * twice, nothing lost that was acknowledged, and views that equal a fold of the log.
 */
export async function mustBeWhole(
  logs: ReadonlyMap<ShopDevice, ShopLog>,
  acknowledged: Acknowledged,
): Promise<readonly string[]> {
  const all = await Promise.all([...logs.values()].map(placesIn))
  const [first = []] = all
  for (const places of all) expect(places).toEqual(first)
  const placed = first.map((text): Place => JSON.parse(text))
  expect(placed.map(({ position }) => position)).toEqual(placed.map((_, at) => at + 1))
  expect(new Set(placed.map(({ id }) => id)).size).toBe(placed.length)
  const counts = new Map<string, number>()
  for (const { stream, version } of placed) {
    counts.set(stream, (counts.get(stream) ?? 0) + 1)
    expect(version).toBe(counts.get(stream))
  }
  const confirmed = new Set(placed.map(({ commitId }) => commitId))
  for (const [device, log] of logs) {
    const dead = new Set((await log.deadLetters.list()).map(({ commitId }) => commitId))
    const lost = acknowledged.of(device).filter((id) => confirmed.has(id) === dead.has(id))
    expect(lost).toEqual([])
    const view = log.view(history)
    expect(await view.waitFor((await log.logHead()).marker)).toEqual(first)
  }
  return first
}

/** The same for the first tabs of all devices. */
export const mustAgree = (world: ShopWorld, acknowledged = new Acknowledged()): Promise<readonly string[]> =>
  mustBeWhole(new Map(world.devices.map((device) => [device, device.log])), acknowledged)
