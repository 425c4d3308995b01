// The runtime is killed in the middle of things, and started again over the same disk.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nothing, sequence } from '../../server/sequence.ts'
import { EdgeDevice } from './edge-device.ts'
import { startWorkerd, type Workerd } from './workerd.ts'

let workerd: Workerd
beforeEach(async () => {
  workerd = await startWorkerd({
    entry: 'edge.fixture.ts',
    classes: ['OpenLog', 'TenantLog', 'BareLog'],
    // What the platform gives.
    heapMb: 128,
  })
})
afterEach(() => workerd?.remove())
const deviceOf = (name: string): EdgeDevice => new EdgeDevice(name, () => `${workerd.url()}/sync/cart`)
const count = async (text: string): Promise<unknown> => {
  const [[found]] = (await (await fetch(`${workerd.url()}/inside/count?object=cart&text=${text}`)).json()) as [
    [unknown],
  ]
  return found
}

describe('a runtime that is killed', () => {
  test('loses nothing that was acknowledged, and leaves no half run', { timeout: 180_000 }, async () => {
    const devices = [...'abcd'].map((name) => deviceOf(name))
    let isOver = false
    const pushing = devices.map(async (device) => {
      for (let round = 0; !isOver; round++)
        await device.pushAtLast(Array.from({ length: 20 }, (_, at) => ({ id: `${device.name}-${round}-${at}` })))
    })
    for (let kill = 0; kill < 15; kill++) {
      const before = devices.flatMap(({ acknowledged }) => acknowledged).length
      await expect
        .poll(() => devices.flatMap(({ acknowledged }) => acknowledged).length, { timeout: 30_000, interval: 5 })
        .toBeGreaterThan(before + 100 * (kill % 4))
      await workerd.crash()
      await workerd.start()
    }
    isOver = true
    await Promise.all(pushing)
    const reader = deviceOf('reader')
    const commits = await reader.pullAll()
    const ids = commits.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(new Set(ids)).toEqual(new Set(devices.flatMap(({ acknowledged }) => acknowledged)))
    // Each run stands together, in its order.
    for (let at = 0; at < ids.length; at += 20) {
      const run = ids[at]!.replace(/-0$/, '')
      expect(ids.slice(at, at + 20)).toEqual(Array.from({ length: 20 }, (_, nth) => `${run}-${nth}`))
    }
    const placed = sequence(
      commits.map(({ id, contentId, events }) => ({ id, contentId, eventsCount: events.length, text: '' })),
      nothing,
    )
    expect(reader.seen).toEqual({ position: placed.at(-1)?.last, digest: placed.at(-1)?.digest })
  })
  test('carries out an erasure that it left, though nobody asks for the log again', { timeout: 120_000 }, async () => {
    const writer = deviceOf('writer')
    const text = `secret ${'x'.repeat(2_000)}`
    for (let nth = 0; nth < 10; nth++)
      await writer.push(
        Array.from({ length: 400 }, (_, at) => ({
          id: `${nth} ${at}`,
          events: [{ stream: 'person', data: { text } }],
        })),
      )
    await writer.push([{ id: 'erase', events: [{ type: '$erased', stream: 'person', data: {} }] }])
    await workerd.crash()
    await workerd.start()
    // What is looked at here is not the log's handler, which would go on by itself.
    expect(await count('secret')).toBeGreaterThan(0)
    await expect.poll(() => count('secret'), { timeout: 60_000 }).toBe(0)
    expect(await count('person')).toBe(4_001)
  })
})
