import type { LogPlace } from './nats-client.ts'
import type { Streams } from './nats-streams.ts'

/**
 * Resolves when what was acknowledged before is known to whoever answers for the stream. A leader that was cut off from the others,
 * or only stood still, may not know yet that there is another one, and tells what it knew; it can't get a message stored.
 */
export function createProbe(streams: Streams): (place: LogPlace) => Promise<void> {
  interface Probing {
    readonly now: Promise<void>
    next?: Promise<void>
  }
  const probing = new Map<string, Probing>()
  const probe = async (place: LogPlace): Promise<void> => {
    const seq = await streams.publish(place, place.probes, new Uint8Array())
    // Nobody needs it any more.
    await streams.erase(place.stream, seq).catch(() => {})
  }
  const start = (place: LogPlace): Promise<void> => {
    const entry: Probing = {
      now: probe(place).finally(() => {
        if (entry.next === undefined) probing.delete(place.stream)
      }),
    }
    probing.set(place.stream, entry)
    return entry.now
  }
  return (place) => {
    const entry = probing.get(place.stream)
    if (entry === undefined) return start(place)
    // One that is under way may be answered for what was before. Whoever asks meanwhile shares the next one.
    entry.next ??= entry.now.catch(() => {}).then(() => start(place))
    return entry.next
  }
}
