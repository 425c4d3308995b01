// A tab whose subscriptions ask a worker that a test holds up or alters, hear what it says, and go away when it says so.
import { defineEvents, defineLog, event, type } from 'tidelog'
import type { AnyLog } from '../../src/client/inside.ts'
import { insideOf } from '../../src/client/inside.ts'
import { Consumer } from '../../src/consumer/consumer.ts'
import type { AnyHandler } from '../../src/consumer/handling.ts'
import { Hub } from '../../src/consumer/hub.ts'
import type { AnyConsumerOptions } from '../../src/consumer/options.ts'
import { type ChangeHandler, PendingFollower } from '../../src/consumer/pending-follower.ts'
import type { ConsumerPorts, Moved } from '../../src/consumer/ports.ts'
import type { HandlerContext, Subscription } from '../../src/consumer/types.ts'
import { createListeners } from '../../src/core/observable.ts'
import type { ChangesAnswer, ChangesRequest, KeptChanges } from '../../src/protocol/worker.ts'
import { portsOf } from '../../src/subscribe/hub-of.ts'
import { newGate, type Placed } from './shop-tab.ts'

/** An answer of the worker that is on its way. */
export interface Held {
  /** The worker has answered. */
  readonly isThere: () => boolean
  readonly letGo: () => void
}
type Handle = (event: Placed & { readonly stream: string }, context: HandlerContext) => unknown
type Handles = Handle | (Pick<AnyHandler, 'reset' | 'stop'> & { readonly handle: Handle })

/** Questions of the hub for all that are at the head, and of those that read for themselves. */
export const isRound = ({ limit }: ChangesRequest): boolean => limit === 500
export const isOwn = (request: ChangesRequest): boolean => !isRound(request)

/** Writes of rows in a chain that begins so. */
export const putsIn =
  (part: string) =>
  ({ put = [] }: KeptChanges): boolean =>
    put.some(({ chain }) => chain.startsWith(part))

export function stageOf({ log }: { readonly log: AnyLog }) {
  const real = portsOf(insideOf(log))
  const asked: ChangesRequest[] = []
  const holds: { readonly wants: (request: ChangesRequest) => boolean; readonly answered: () => Promise<void> }[] = []
  const said = createListeners<[moved?: Moved]>()
  const pages = createListeners<[isGone: boolean]>()
  const heldKeeps: { readonly wants: (changes: KeptChanges) => boolean; readonly come: () => Promise<void> }[] = []
  let change = (answer: ChangesAnswer, _request: ChangesRequest): ChangesAnswer => answer
  let isDeaf = false
  let skewMs = 0
  let listening = 0
  let watching = 0
  let timers = 0

  const changesOver =
    (changes: ConsumerApi['changes']) =>
    async (request: ChangesRequest): Promise<ChangesAnswer> => {
      asked.push(request)
      const at = holds.findIndex(({ wants }) => wants(request))
      const [held] = at < 0 ? [] : holds.splice(at, 1)
      const answer = change(await changes(request), request)
      await held?.answered()
      return answer
    }
  const keepOver =
    (keep: ConsumerApi['keep']) =>
    async (changes: KeptChanges): Promise<boolean> => {
      const at = heldKeeps.findIndex(({ wants }) => wants(changes))
      const [held] = at < 0 ? [] : heldKeeps.splice(at, 1)
      await held?.come()
      return keep(changes)
    }
  const ports: ConsumerPorts = {
    ...real,
    clock: {
      now: () => real.clock.now() + skewMs,
      after: (ms, callback) => {
        timers++
        let isOver = false
        const end = (): void => {
          if (!isOver) timers--
          isOver = true
        }
        const callOff = real.clock.after(ms, () => {
          end()
          callback()
        })
        return () => {
          end()
          callOff()
        }
      },
    },
    call: (use) =>
      real.call((api) =>
        use(
          new Proxy(api, {
            get: (_, name: keyof ConsumerApi) =>
              name === 'changes'
                ? changesOver((request) => api.changes(request))
                : name === 'keep'
                  ? keepOver((changes) => api.keep(changes))
                  : api[name].bind(api),
          }),
        ),
      ),
    onMoved: (listener) => {
      listening++
      const stops = [said.add(listener), real.onMoved((moved) => isDeaf || listener(moved))]
      return () => {
        listening--
        for (const stop of stops) stop()
      }
    },
    onSuspended: (suspended, resumed) => {
      watching++
      const stop = pages.add((isGone) => (isGone ? suspended() : resumed()))
      return () => {
        watching--
        stop()
      }
    },
  }
  const hub = new Hub(ports)
  const subscribe = (options: AnyConsumerOptions, handler: Handles): Subscription =>
    new Consumer(hub, options, (typeof handler === 'function' ? { handle: handler } : handler) as AnyHandler)
  return {
    asked,
    subscribe,
    /** A subscription and what it is given. */
    follow: (options: AnyConsumerOptions = {}) => {
      const got: Placed[] = []
      return { got, subscription: subscribe(options, (event) => void got.push(event)) }
    },
    followPending: (handler: ChangeHandler) => new PendingFollower(ports, { pending: true }, handler),
    /** Holds up the answer to the next question that is meant. */
    hold: (wants: (request: ChangesRequest) => boolean): Held => {
      const gate = newGate()
      let isThere = false
      const answered = (): Promise<void> => {
        isThere = true
        return gate.opened
      }
      holds.push({ wants, answered })
      return { isThere: () => isThere, letGo: gate.open }
    },
    /** Holds up the next write that is meant, before it begins; with an error it fails. */
    holdKeep: (wants: (changes: KeptChanges) => boolean, error?: unknown): Held => {
      const gate = newGate()
      let isThere = false
      const come = async (): Promise<void> => {
        isThere = true
        await gate.opened
        if (error !== undefined) throw error
      }
      heldKeeps.push({ wants, come })
      return { isThere: () => isThere, letGo: gate.open }
    },
    alter: (value: typeof change) => {
      change = value
    },
    /** A notice, or a sign that one may have been missed. */
    tell: (moved?: Moved) => said.tell(moved),
    /** Notices of others no longer reach the subscriptions. */
    deafen: (value: boolean) => {
      isDeaf = value
    },
    /** The tab is frozen or left, or is back. */
    leave: () => pages.tell(true),
    comeBack: () => pages.tell(false),
    setBack: (ms: number) => {
      skewMs -= ms
    },
    keptIn: (chain: string) => real.call((api) => api.listKept(chain)),
    /** Who listens to notices, who watches the page, and timers that run. */
    busy: () => ({ listening, watching, timers }),
  }
}
type ConsumerApi = Parameters<Parameters<ConsumerPorts['call']>[0]>[0]

const shelfEvents = { Put: event(type<{ id: string }>()) }
export const shelf = defineLog({ name: 'shelf', events: defineEvents(shelfEvents) })
export const shelfAfter = defineLog({
  name: 'shelf',
  events: defineEvents({ ...shelfEvents, Taken: event(type<{ id: string }>()) }),
})

export interface StateOf {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): void
}
