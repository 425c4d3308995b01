// Renders with React itself, and closes what a test opened. What React complains about fails the test.

import { Component, type ReactNode } from 'react'
import { flushSync } from 'react-dom'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { openLog } from 'tidelog'
import { simulate } from 'tidelog/testing'
import { afterEach, beforeEach, expect, type MockInstance, vi } from 'vitest'
import { carts, fold, forbidden } from './react-model.ts'

const worker = (): Worker => new Worker(new URL('./workers/react.ts', import.meta.url), { type: 'module' })
const open = (key: string, own: boolean) => openLog(carts, own ? { key, worker } : { key })
const createWorld = () => simulate(carts, { devices: 2 })
export type CartsLog = ReturnType<typeof open>

const opened: { close(): Promise<void> }[] = []
const roots: Root[] = []
let complaints: MockInstance<typeof console.error>

beforeEach(() => {
  complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(async () => {
  for (const root of roots.splice(0)) root.unmount()
  await Promise.all(opened.splice(0).map((one) => one.close()))
  fold.throws = true
  forbidden.clear()
  const said = complaints.mock.calls.map((call) => call.join(' '))
  complaints.mockRestore()
  expect(said).toEqual([])
})

export const newKey = (): string => crypto.randomUUID()

/** Opens the log in a worker of its own, as another tab would. */
export function openCarts(
  key: string = newKey(),
  { ownWorker = true }: { readonly ownWorker?: boolean } = {},
): CartsLog {
  const log = open(key, ownWorker)
  opened.push(log)
  return log
}

/** Two devices and a server. */
export function openWorld(): ReturnType<typeof createWorld> {
  const world = createWorld()
  opened.push(world)
  return world
}

/** A device's log with the model's own deciders. */
export const logOf = ({ log }: ReturnType<typeof createWorld>['devices'][number]): CartsLog =>
  log as unknown as CartsLog

/** Lets everything be confirmed, and pages be told of it: notices of a burst come a moment later. */
export async function settle(world: ReturnType<typeof createWorld>): Promise<void> {
  const { clock } = world
  await world.settle()
  for (const until = clock.now() + 20; clock.now() < until && clock.step(); );
}

export interface Mounted {
  readonly render: (element: ReactNode) => void
  readonly unmount: () => void
  readonly text: () => string
}

/** What a boundary caught is no complaint of React's. */
const onCaughtError = (): void => {}

export function mount(element: ReactNode): Mounted {
  const box = document.createElement('div')
  const root = createRoot(box, { onCaughtError })
  roots.push(root)
  flushSync(() => root.render(element))
  return { render: (next) => root.render(next), unmount: () => root.unmount(), text: () => box.textContent ?? '' }
}

/** Takes over what a server rendered; `mismatches` are what it had to render anew. */
export function hydrate(html: string, element: ReactNode): Mounted & { readonly mismatches: readonly unknown[] } {
  const box = document.createElement('div')
  box.innerHTML = html
  const mismatches: unknown[] = []
  const root = hydrateRoot(box, element, { onRecoverableError: (error) => mismatches.push(error) })
  roots.push(root)
  const text = (): string => box.textContent ?? ''
  return { render: (next) => root.render(next), unmount: () => root.unmount(), text, mismatches }
}

interface BoundaryProps {
  readonly children?: ReactNode
}
/** Shows the error in place of its children, until it is told to try again. */
export class Boundary extends Component<BoundaryProps, { readonly error?: unknown }> {
  override state: { readonly error?: unknown } = {}
  static getDerivedStateFromError(error: unknown): { readonly error: unknown } {
    return { error }
  }
  readonly tryAgain = (): void => this.setState({ error: undefined })
  override render(): ReactNode {
    return this.state.error === undefined ? this.props.children : `${this.state.error}`
  }
}
