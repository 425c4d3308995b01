import type { Channel, OpenChannel } from '../core/ports.ts'

/** Channels by name within one program: a message reaches everybody on the channel but its poster, as a copy, later. */
export class MemoryChannels {
  readonly #members = new Map<string, Set<(message: unknown) => void>>()
  /** Messages for which this answers true are lost. */
  isLost: (message: unknown) => boolean = () => false

  readonly open: OpenChannel = (name, onMessage): Channel => {
    const members = this.#members.get(name) ?? new Set()
    this.#members.set(name, members)
    const listener = (message: unknown): void => onMessage(message)
    members.add(listener)
    return {
      post: (message) => {
        if (this.isLost(message)) return
        const copy: unknown = structuredClone(message)
        for (const member of members)
          if (member !== listener)
            queueMicrotask(() => {
              if (members.has(member)) member(copy)
            })
      },
      close: () => {
        members.delete(listener)
      },
    }
  }
}
