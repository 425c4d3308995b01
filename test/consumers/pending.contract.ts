// Subscriptions that are told of pending commits, on devices that share a server.
import { unwrap } from 'tidelog'
import { causedBy, subscribe } from 'tidelog/subscribe'
import { simulate } from 'tidelog/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { bookAny, seating } from '../seats.ts'
import { events, shop } from '../types/shop.ts'
import { quiet } from './harness.ts'

const added = (itemId: string, cartId = 'c') => events.ItemAdded({ cartId, itemId, productId: 'p', price: 1 })

export function describePending(): void {
  describe('beside what is confirmed', () => {
    let world: ReturnType<typeof openWorld>
    const openWorld = () => simulate(shop, { devices: 2 })
    /** Notices of a burst come a moment after it. */
    const passed = async () => {
      await world.settle()
      await quiet()
    }
    afterEach(() => world.close())

    test('a subscription with a name sees confirmed events only', async () => {
      world = openWorld()
      const [ann] = world.devices
      await world.settle()
      ann.offline()
      const got: (number | undefined)[] = []
      subscribe(ann.log, { name: 'n' }, ({ position }) => void got.push(position))
      unwrap(await ann.log.append([added('1')]))
      await passed()
      expect(got).toEqual([])
      ann.online()
      await world.settle()
      await passed()
      expect(got).toEqual([1])
    })

    test('one that asks for pending commits begins with them and is told how each ends', async () => {
      world = openWorld()
      const [ann, bob] = world.devices
      await world.settle()
      ann.offline()
      const first = unwrap(await ann.log.append([added('1')]))
      const told: string[] = []
      const follower = subscribe(ann.log, { pending: true }, ({ status, events }) => {
        told.push(`${status} ${events.map((event) => (event.type === 'ItemAdded' ? event.data.itemId : event.type))}`)
      })
      await passed()
      expect(told).toEqual(['pending 1'])
      const second = unwrap(await ann.log.append('cart-c', [added('2')]))
      const third = await ann.log.append('cart-d', [added('3', 'd')], { expectedVersion: 0 })
      await passed()
      expect(told.slice(1)).toEqual(['pending 2', 'pending 3'])
      unwrap(await bob.log.append('cart-d', [added('4', 'd')]))
      await world.settle()
      await ann.log.withdraw(second.receipt)
      await passed()
      expect(told.slice(3)).toEqual(['withdrawn 2'])
      ann.online()
      await world.settle()
      await passed()
      // Bob was first on the stream d, so what had to be the first of it is a dead letter.
      expect([...told.slice(4)].sort()).toEqual(['confirmed 1', 'confirmed 4', 'withdrawn 3'])
      expect(await ann.log.whenConfirmed(first.receipt)).toMatchObject({ status: 'confirmed' })
      expect(await ann.log.whenConfirmed(unwrap(third).receipt)).toMatchObject({ status: 'conflict' })
      expect(await follower.stop()).toEqual({ reason: 'stopped' })
    })

    test('one that asks for pending commits is told what stands in the place of one that was decided again', async () => {
      world = openWorld()
      const hall = simulate(seating, { devices: 2 })
      const [ann, bob] = hall.devices
      await hall.settle()
      ann.offline()
      const told: string[] = []
      subscribe(ann.log, { pending: true, query: { types: ['Booked'] } }, ({ status, events: booked }) => {
        for (const event of booked)
          if (event.type === 'Booked') told.push(`${status} ${event.data.seat} by ${event.data.by}`)
      })
      unwrap(await ann.log.execute(bookAny, { by: 'ann' }))
      await passed()
      unwrap(await bob.log.execute(bookAny, { by: 'bob' }))
      await hall.settle()
      ann.online()
      await hall.settle()
      await quiet()
      await hall.close()
      expect(told.filter((one) => one.endsWith('ann'))).toEqual([
        'pending 1 by ann',
        'replaced 2 by ann',
        'confirmed 2 by ann',
      ])
      expect(told).toContain('confirmed 1 by bob')
    })

    test('RX-13 the trace of an event reaches the handler, on every device', async () => {
      world = openWorld()
      const [ann, bob] = world.devices
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
      const seen: (string | undefined)[] = []
      for (const { log } of [ann, bob])
        subscribe(log, { from: 'head' }, ({ metadata }) => void seen.push(metadata.traceparent))
      await passed()
      unwrap(await ann.log.append([added('1')], { metadata: { traceparent } }))
      await world.settle()
      await passed()
      expect(seen).toEqual([traceparent, traceparent])
    })

    test('AE-8 what follows from an event carries its correlation and trace, and names it as the cause', async () => {
      world = openWorld()
      const [ann] = world.devices
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
      const metadata = { correlationId: 'order 7', traceparent }
      const [cause] = unwrap(await ann.log.append([added('1')], { metadata })).events
      subscribe(ann.log, { query: { types: ['ItemAdded'] } }, async (event) => {
        await ann.log.append([events.CartCleared({ cartId: 'c' })], { metadata: causedBy(event) })
      })
      await world.settle()
      await passed()
      await world.settle()
      const { events: all } = await ann.log.read({ query: { types: ['CartCleared'] } }).all()
      expect(all).toHaveLength(1)
      expect(all[0]?.metadata).toMatchObject({ correlationId: 'order 7', causationId: cause?.id })
      expect(all[0]?.metadata.traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/)
      expect(all[0]?.metadata.traceparent).not.toBe(traceparent)
      expect(causedBy({ id: 'e1' })).toEqual({ correlationId: 'e1', causationId: 'e1' })
    })
  })
}
