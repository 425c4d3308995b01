import type { OpenChannel } from '../../src/core/ports.ts'

/** Channels by name within one open log: a message reaches everybody on the channel but its poster, later. */
export function createChannels(): OpenChannel {
  const byName = new Map<string, Set<(message: unknown) => void>>()
  return (name, onMessage) => {
    const members = byName.get(name) ?? new Set()
    byName.set(name, members)
    const own = (message: unknown): void => onMessage(message)
    members.add(own)
    return {
      post: (message) => {
        for (const member of members)
          if (member !== own)
            queueMicrotask(() => {
              if (members.has(member)) member(message)
            })
      },
      close: () => {
        members.delete(own)
        if (members.size === 0) byName.delete(name)
      },
    }
  }
}
