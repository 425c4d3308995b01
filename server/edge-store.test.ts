import { describe, expect, test } from 'vitest'
import { openObject } from './edge-store.fixture.ts'
import { durableObjectStore } from './edge-store.ts'
import { erasureContract } from './erasures.contract.ts'
import { segmentContract } from './segments.contract.ts'
import { nothing, sequence } from './sequence.ts'
import { storeContract } from './store.contract.ts'

const commits = sequence([{ id: 'a', contentId: 'a.p', eventsCount: 1, text: '{}' }], nothing)
const wide = { commitsMax: 9, bytesMax: 9 }

describe('the store in an object', () => {
  for (const { rule, check } of [...storeContract, ...segmentContract, ...erasureContract])
    test(rule, async () => {
      const object = openObject()
      await check(async () => durableObjectStore(object))
    })

  test('tells nobody what is not durable yet, neither who wrote, nor who watches, nor who reads', async () => {
    const waiting: (() => void)[] = []
    const store = durableObjectStore(openObject(() => new Promise((resolve) => waiting.push(resolve))))
    const heard: string[] = []
    const note = (what: string) => () => void heard.push(what)
    store.watch('cart', note('watcher'))
    const told = [
      store.append('cart', 0, commits).then(note('writer')),
      store.append('cart', 0, commits).then(note('loser')),
      store.range('cart', 0, wide).then(note('reader')),
      store.head('cart').then(note('head')),
      store.digestAt('cart', 1).then(note('digest')),
    ]
    await expect.poll(() => waiting.length).toBe(told.length)
    expect(heard).toEqual([])
    for (const resolve of waiting) resolve()
    await Promise.all(told)
    expect(heard.sort()).toEqual(['digest', 'head', 'loser', 'reader', 'watcher', 'writer'])
  })
  test('rejects what the storage could not keep, and wakes nobody for it', async () => {
    const store = durableObjectStore(openObject(() => Promise.reject(new Error('the disk is full'))))
    const heard: number[] = []
    store.watch('cart', (head) => heard.push(head))
    await expect(store.append('cart', 0, commits)).rejects.toThrow('the disk is full')
    expect(heard).toEqual([])
  })
  test('keeps no part of a file that was replaced', async () => {
    const object = openObject()
    const { segments, erasures } = durableObjectStore(object)
    const segment = { first: 1, last: 1, digest: '', hash: 'a', bytes: 3 }
    await segments?.add('cart', segment, new Uint8Array(2_500_000).fill(1))
    const file = new Uint8Array(1_500_000).fill(2)
    const replaced = { was: 'a', segment: { ...segment, hash: 'b' }, file }
    await erasures?.put('cart', { through: 1, commits: [], segments: [replaced] })
    const found = await segments?.get('cart', 'b')
    expect(found instanceof Uint8Array && Buffer.from(found).equals(file)).toBe(true)
    expect([...object.sql.exec('SELECT hash, nth, length(bytes) FROM parts ORDER BY nth').raw()]).toEqual([
      ['b', 0, 1_000_000],
      ['b', 1, 500_000],
    ])
  })
  test('makes no tables for who only asks', async () => {
    const object = openObject()
    const store = durableObjectStore(object)
    await store.range('cart', 0, wide)
    await store.segments?.list('cart')
    await store.erasures?.through('cart')
    expect([...object.sql.exec('SELECT name FROM sqlite_master').raw()]).toEqual([])
  })
  test('refuses an object that newer code has written to, and leaves it as it is', async () => {
    const object = openObject()
    await durableObjectStore(object).append('cart', 0, commits)
    object.sql.exec('UPDATE meta SET value = ?', 2)
    expect(() => durableObjectStore(object)).toThrow(/format 2, this version of tidelog knows 1/)
    expect([...object.sql.exec('SELECT count(*) FROM commits').raw()]).toEqual([[1]])
  })
})
