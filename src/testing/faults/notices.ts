import type { Random } from '../../core/ports.ts'
import { createForce, type Patches, type Undo } from './patch.ts'

/** Channels on which faults are controlled: no fault strikes them. */
export const controlPrefix = 'tidelog/faults/'

/** What this realm says on a `BroadcastChannel`, to everybody. Each takes the share of messages that it strikes: all by default. */
export interface NoticeFaults {
  readonly drop: (share?: number) => Undo
  readonly double: (share?: number) => Undo
  /** A message waits, and comes behind the next one. */
  readonly reorder: (share?: number) => Undo
}

export function noticeFaults(
  realm: typeof globalThis,
  patches: Patches,
  random: Random,
): NoticeFaults & { readonly clear: Undo } {
  const dropped = createForce<number>()
  const doubled = createForce<number>()
  const reordered = createForce<number>(() => {
    for (const send of held.values()) send()
    held.clear()
  })
  /** The message of each channel that waits for the next one. */
  const held = new Map<BroadcastChannel, () => void>()
  const strikes = (share = 0): boolean => share > 0 && random.fraction() < share
  patches.put(realm.BroadcastChannel.prototype, 'postMessage', (post) => {
    return function (this: BroadcastChannel, message: unknown) {
      if (this.name.startsWith(controlPrefix)) return post.call(this, message)
      if (strikes(dropped.now())) return
      const times = strikes(doubled.now()) ? 2 : 1
      const send = (): void => {
        for (let time = 0; time < times; time++) post.call(this, message)
      }
      const waiting = held.get(this)
      if (waiting === undefined && strikes(reordered.now())) {
        held.set(this, send)
        return
      }
      send()
      held.delete(this)
      waiting?.()
    }
  })
  patches.put(realm.BroadcastChannel.prototype, 'close', (close) => {
    return function (this: BroadcastChannel) {
      // What is said before a close is said.
      held.get(this)?.()
      held.delete(this)
      close.call(this)
    }
  })
  return {
    drop: (share = 1) => dropped.add(share),
    double: (share = 1) => doubled.add(share),
    reorder: (share = 1) => reordered.add(share),
    clear: () => {
      for (const force of [dropped, doubled, reordered]) force.clear()
    },
  }
}
