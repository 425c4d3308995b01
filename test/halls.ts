// Halls that are booked, and the origins and servers that their log goes between.

import { defineEvents, defineFor, defineLog, event, type LogOf, refuse } from 'tidelog'
import { listArchives } from 'tidelog/replica'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { MemoryLocks } from 'tidelog/testing'
import { afterEach, expect, vi } from 'vitest'
import { z } from 'zod'
import { browserClock } from '../src/platform/browser.ts'
import { Origin } from './origin.ts'

const events = defineEvents({
  Booked: event(z.object({ hall: z.string(), who: z.string() }), { stream: ({ hall }) => `hall-${hall}` }),
  Noted: event(z.object({ text: z.string() }), { stream: () => 'notes' }),
})
const define = defineFor(events)
export const book = define.decider({
  name: 'book',
  command: z.object({ hall: z.string(), who: z.string() }),
  scope: ({ hall }) => ({ stream: `hall-${hall}` }),
  initial: 0,
  evolve: { Booked: (count) => count + 1 },
  decide: (command, count) => (count >= 2 ? refuse('Full') : [events.Booked(command)]),
})
export const halls = defineLog({ name: 'halls', events, deciders: [book] })
export type HallLog = LogOf<typeof halls>
export const noted = (text: string) => events.Noted({ text })

export const offline = () => Promise.reject(new TypeError('there is no line'))

export const closing: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})
export function openOrigin(serve?: (request: Request) => Promise<Response>) {
  const origin = new Origin({ serve, deciders: [book], locks: new MemoryLocks(browserClock) })
  closing.push(origin)
  return origin
}
export function newServer() {
  const handler = createSyncHandler({ model: halls, store: memoryStore(), limits: { heartbeatMs: 100 } })
  closing.push({ close: async () => handler.stop() })
  return handler
}
export const textsOf = async (log: HallLog) =>
  (await log.read().all()).events.map((one) => (one.type === 'Noted' ? one.data.text : JSON.stringify(one.data)))
export const whenState = (log: HallLog, state: string) =>
  vi.waitFor(() => expect(log.sync.get().state).toBe(state), 12_000)
export const whenSynced = (log: HallLog) =>
  vi.waitFor(() => expect(log.sync.get()).toMatchObject({ synced: true }), 12_000)
/** Where a server says that its log is. */
export async function headOf(serve: (request: Request) => Promise<Response>): Promise<unknown> {
  const url = 'http://server.test/sync/halls/pull?position=0&digest=0000000000000000'
  const answer = await serve(new Request(url, { headers: { 'tidelog-protocol': '1' } }))
  return (await answer.json()).head
}
export const whenBrought = (log: HallLog) =>
  vi.waitFor(async () => expect((await listArchives(log)).every(({ isBrought }) => isBrought)).toBe(true), 12_000)
