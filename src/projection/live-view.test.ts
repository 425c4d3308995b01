import { describe, expect, test, vi } from 'vitest'
import { defineEvents, definitionsOf, event, type } from '../core/event.ts'
import type { PlacedEvent } from '../core/recorded.ts'
import type { ChangesAnswer, ChangesRequest, Snapshot } from '../protocol/worker.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { createLiveView, type ViewApi } from './live-view.ts'

const definitions = definitionsOf(defineEvents({ Added: event(type<{ n: number }>()) }))
const commits = [[{ id: 'c', contentId: 'c', time: 't' }, 1]]
const row = (n: number, at: number) => [at + 1, n, 0, { type: 'Added', stream: 's', data: { n } }]
const placed = (n: number): PlacedEvent => ({
  type: 'Added',
  stream: 's',
  data: { n },
  id: `${n}`,
  commitId: 'c',
  version: n,
  time: 't',
})

/** A log of numbers: the first ones confirmed, the rest pending. */
class Numbers implements ViewApi {
  confirmed: readonly number[] = []
  pending: readonly number[] = []
  revision = 1
  database = 'db'
  broken: Error | undefined
  saved: Snapshot | undefined
  readonly asked: number[] = []
  readonly sought: (number | undefined)[] = []
  readonly #listeners = new Set<(revision: number | undefined) => void>()

  async changes({ position, seen }: Pick<ChangesRequest, 'position' | 'seen'>): Promise<ChangesAnswer> {
    this.asked.push(position)
    this.sought.push(seen)
    if (this.broken !== undefined) throw this.broken
    const { confirmed, pending, revision, database } = this
    return {
      confirmed: JSON.stringify([commits, confirmed.slice(position).map(row)]),
      position: Math.max(position, confirmed.length),
      more: false,
      pendingIs: 'all',
      pending: JSON.stringify(pending.map(placed)),
      head: { database, revision, confirmed: confirmed.length },
    } as ChangesAnswer
  }
  readonly getSnapshot = async (): Promise<Snapshot | undefined> => this.saved
  readonly putSnapshot = async (_key: string, snapshot: Snapshot): Promise<void> => {
    this.saved = snapshot
  }
  readonly onMoved = (listener: (revision: number | undefined) => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  move(): void {
    this.revision += 1
    this.tell(this.revision)
  }
  tell(revision: number | undefined): void {
    for (const listener of this.#listeners) listener(revision)
  }
  get watched(): boolean {
    return this.#listeners.size > 0
  }
}
const clock = new VirtualClock()
const open = (source: Numbers, add = (sum: number, n: number): number => sum + n) => {
  const on = { Added: (sum: number, { data }: { readonly data: { readonly n: number } }) => add(sum, data.n) }
  return createLiveView<number>(
    { key: 'sum', initial: 0, on, scope: {}, types: ['Added'], isAsked: () => true, definitions } as never,
    { call: (use) => use(source), onMoved: source.onMoved },
    clock,
    () => {},
  )
}

describe('a live view', () => {
  test('of a log that rests in another database now is folded from its beginning', async () => {
    const source = new Numbers()
    Object.assign(source, { confirmed: [1, 2], pending: [10] })
    const view = open(source)
    expect(await view.ready).toBe(13)
    Object.assign(source, { database: 'other', confirmed: [100, 200, 300], pending: [] })
    source.move()
    expect(await view.waitFor({ database: 'db', revision: 2, confirmed: 3 })).toBe(600)
    expect(source.asked.slice(0, 3)).toEqual([0, 2, 0])
  })

  test('folds pending events on top of the confirmed ones, and drops them when they are withdrawn', async () => {
    const source = new Numbers()
    Object.assign(source, { confirmed: [1, 2], pending: [10] })
    const view = open(source)
    expect(await view.ready).toBe(13)
    source.pending = []
    source.move()
    expect(await view.waitFor({ database: 'db', revision: 2, confirmed: 2 })).toBe(3)
    source.confirmed = [1, 2, 4]
    source.move()
    expect(await view.waitFor({ database: 'db', revision: 3, confirmed: 3 })).toBe(7)
    expect(source.asked.at(-1)).toBeGreaterThanOrEqual(2)
  })

  test.each([
    ['a later revision', 7, 7],
    ['a move without a number', undefined, Infinity],
  ])('looks for what it was told of, %s, although a late notice tells of less', async (_what, told, sought) => {
    const source = new Numbers()
    const view = open(source)
    await view.ready
    source.sought.length = 0
    for (const revision of [2, told, 3]) source.tell(revision)
    await vi.waitUntil(() => source.sought.length > 0)
    expect(source.sought).toEqual([sought])
  })

  test('goes on from its snapshot, and saves one after many events', async () => {
    const source = new Numbers()
    source.confirmed = Array.from({ length: 250 }, () => 1)
    expect(await open(source).ready).toBe(250)
    expect(source.saved).toEqual({ position: 250, state: '{"state":250}', revision: 1 })
    source.confirmed = [...source.confirmed, 5]
    source.asked.length = 0
    expect(await open(source).ready).toBe(255)
    expect(source.asked).toEqual([250])
  })

  test.each([
    ['that can not be read', { position: 1, state: '{"state":' }],
    ['that lies beyond the log', { position: 9, state: '{"state":99}' }],
  ])('folds everything again for a snapshot %s', async (_name, saved) => {
    const source = new Numbers()
    Object.assign(source, { confirmed: [1, 2], saved })
    expect(await open(source).ready).toBe(3)
  })

  test('saves no snapshot that JSON would change', async () => {
    const source = new Numbers()
    source.confirmed = Array.from({ length: 250 }, () => 1)
    expect(await open(source, () => Number.NaN).ready).toBeNaN()
    expect(source.saved).toBeUndefined()
  })

  test('keeps its last state when the fold throws, says why, and follows no more', async () => {
    const source = new Numbers()
    source.confirmed = [1]
    const view = open(source, (sum, n) => {
      if (n === 13) throw new Error('unlucky')
      return sum + n
    })
    await view.ready
    source.confirmed = [1, 13]
    source.move()
    await expect(view.waitFor({ database: 'db', revision: 2, confirmed: 2 })).rejects.toThrow('unlucky')
    expect([view.get(), view.error(), source.watched]).toEqual([
      1,
      expect.objectContaining({ message: 'unlucky' }),
      false,
    ])
  })

  test('rejects when the log can not be read, or the view is closed, or the marker is of another database', async () => {
    const source = new Numbers()
    source.broken = new Error('no worker')
    await expect(open(source).ready).rejects.toThrow('no worker')
    const view = open(new Numbers())
    await view.ready
    await expect(view.waitFor({ database: 'other', revision: 1, confirmed: 0 })).rejects.toMatchObject({
      code: 'tidelog/argument',
    })
    const waiting = view.waitFor({ database: 'db', revision: 9, confirmed: 0 })
    view.close()
    await expect(waiting).rejects.toMatchObject({ code: 'tidelog/log-closed' })
  })
})
