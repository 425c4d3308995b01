// A real sync handler in the page of the test, and workers of devices that reach it: `workers/boundary-line.ts`.

import type { SyncStatus } from 'tidelog'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { type NotesLog, newKey, notes, openNotes, type TabOptions } from './notes.ts'

export interface Asked {
  readonly id: number
  readonly method: string
  readonly url: string
  readonly headers: [string, string][]
  readonly text: string | undefined
}
export interface Answered {
  readonly id: number
  readonly status: number
  readonly fields: [string, string][]
  /** Where the body comes from, piece by piece: not every engine can hand a stream over. */
  readonly body: MessagePort | null
}

/** What a port of a body carries: its pieces, then how it ended. The reader says anything to call it off. */
export type Piece = Uint8Array<ArrayBuffer> | 'end' | 'cut'

function portOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): MessagePort {
  const { port1, port2 } = new MessageChannel()
  const say = (piece: Piece): void => port1.postMessage(piece)
  const reader = body.getReader()
  port1.onmessage = () => void reader.cancel()
  const pump = async (): Promise<void> => {
    for (let read = await reader.read(); !read.done; read = await reader.read()) say(read.value)
  }
  pump().then(
    () => say('end'),
    () => say('cut'),
  )
  return port2
}

export type Device = readonly [tab: NotesLog, ...NotesLog[]]

/** Serves one log to all devices of a test. */
export class PageServer {
  readonly #handler = createSyncHandler({ model: notes, store: memoryStore() })

  /** A device: a database of its own, with so many tabs. */
  async openDevice(tabs: number): Promise<Device> {
    const key = newKey()
    const open = () => this.openTab(key)
    const logs = [open(), ...Array.from({ length: tabs - 1 }, open)] as const
    await Promise.all(logs.map(({ ready }) => ready))
    return logs
  }

  /** A tab of the device that has this key. */
  openTab(key: string, options: TabOptions = {}): NotesLog {
    return openNotes(key, { ...options, worker: () => this.#worker() })
  }

  stop(): void {
    this.#handler.stop()
  }

  #worker(): Worker {
    const worker = new Worker(new URL('./workers/boundary-line.ts', import.meta.url), { type: 'module' })
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }: MessageEvent<Asked>) => void this.#serve(port1, data)
    worker.postMessage(port2, [port2])
    return worker
  }

  async #serve(port: MessagePort, { id, method, url, headers, text }: Asked): Promise<void> {
    const body = text === undefined ? {} : { body: text }
    const response = await this.#handler(new Request(url, { method, headers, ...body }))
    const pieces = response.body === null ? null : portOf(response.body)
    const answer: Answered = { id, status: response.status, fields: [...response.headers], body: pieces }
    port.postMessage(answer, pieces === null ? [] : [pieces])
  }
}

/** Resolves when one of the tabs says something new of its sync. */
const nextWord = (tabs: readonly NotesLog[]): Promise<void> =>
  new Promise((resolve) => {
    const stops = tabs.map(({ sync }) =>
      sync.subscribe(() => {
        for (const stop of stops) stop()
        resolve()
      }),
    )
  })
async function untilAll(tabs: readonly NotesLog[], isSo: (states: readonly SyncStatus[]) => boolean): Promise<void> {
  for (;;) {
    const next = nextWord(tabs)
    if (isSo(tabs.map(({ sync }) => sync.get()))) return
    await next
  }
}

/** Keeps devices from talking to the server; resolves when none does any more. */
export async function part(devices: readonly Device[]): Promise<void> {
  const tabs = devices.map(([tab]) => tab)
  for (const { sync } of tabs) sync.pause()
  await untilAll(tabs, (states) => states.every(({ state }) => state === 'paused'))
}
export function join(devices: readonly Device[]): void {
  for (const [tab] of devices) tab.sync.resume()
}

/** Resolves when every device has everything that any of them has confirmed, and nothing is pending. */
export const inStep = (devices: readonly Device[]): Promise<void> =>
  untilAll(
    devices.map(([tab]) => tab),
    (states) => {
      const head = Math.max(...states.flatMap(({ confirmed, serverHead }) => [confirmed, serverHead]))
      return states.every(({ synced, confirmed }) => synced && confirmed === head)
    },
  )
