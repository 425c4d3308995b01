import { describe, expect, test } from 'vitest'
import { createAudience } from './audience.ts'
import { toSequenced } from './judge.fixture.ts'
import { memoryStore } from './memory-store.ts'
import { nothing } from './sequence.ts'
import type { LogStore } from './store.ts'
import { Wakes } from './wakes.ts'

const wide = { commitsMax: 100, bytesMax: 100_000 }
const one = toSequenced([{ id: 'A' }])

/** A store whose pages are read at once and handed out when they are let go. */
function gated(): { store: LogStore; letGo: () => void; readsCount: () => number; failNext: () => void } {
  const inner = memoryStore()
  let gates: (() => void)[] = []
  let reads = 0
  let isFailing = false
  const range: LogStore['range'] = async (...asked) => {
    reads += 1
    const page = await inner.range(...asked)
    if (isFailing) throw new Error('disk')
    await new Promise<void>((open) => gates.push(open))
    return page
  }
  const letGo = (): void => {
    for (const open of gates) open()
    gates = []
  }
  return {
    store: { ...inner, range },
    letGo,
    readsCount: () => reads,
    failNext: () => {
      isFailing = true
    },
  }
}
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

describe('those who wait for one log', () => {
  test('are told of one read, when they stand at the same position', async () => {
    const { store, letGo, readsCount } = gated()
    const { read } = createAudience(store, 'cart')
    await store.append('cart', 0, one)
    const pages = [read(nothing, wide), read(nothing, wide), read(nothing, { ...wide, bytesMax: 1 })]
    await turn()
    letGo()
    const [a, b, c] = await Promise.all(pages)
    expect(a).toBe(b)
    expect([a?.head, c?.head, readsCount()]).toEqual([1, 1, 2])
    void read(nothing, wide)
    expect(readsCount()).toBe(3)
    letGo()
  })
  test('are not told of a read that began before what woke them', async () => {
    const { store, letGo } = gated()
    const { add, read } = createAudience(store, 'cart')
    const wakes = new Wakes()
    add(wakes)
    const early = read(nothing, wide)
    await turn()
    const woken = wakes.next()
    await store.append('cart', 0, one)
    expect(await woken).toBe('moved')
    const late = read(nothing, wide)
    await turn()
    letGo()
    expect([(await early).head, (await late).head]).toEqual([0, 1])
  })
  test('read anew after a read that failed', async () => {
    const { store, failNext, readsCount } = gated()
    const { read } = createAudience(store, 'cart')
    failNext()
    const both = [read(nothing, wide), read(nothing, wide)]
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await expect(read(nothing, wide)).rejects.toThrow('disk')
    expect(readsCount()).toBe(2)
  })
  test('watch the log together, until the last of them has left', async () => {
    let watching = 0
    const store: LogStore = {
      ...memoryStore(),
      watch: () => {
        watching += 1
        return () => {
          watching -= 1
        }
      },
    }
    const { add, remove } = createAudience(store, 'cart')
    const [a, b] = [new Wakes(), new Wakes()]
    add(a)
    add(b)
    expect(watching).toBe(1)
    expect([remove(a), remove(a), watching]).toEqual([false, false, 1])
    expect([remove(b), watching]).toEqual([true, 0])
  })
})
