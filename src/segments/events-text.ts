/** An event that can be sent as text. */
export interface EventText {
  readonly position: number
  /**
   * JSON text of the event: `[position, version, place of its commit, stored event]`. `placeOf` gives the place, for the
   * JSON text of the commit: `[commit without events, position of its first event, …]`.
   */
  line(placeOf: (head: string) => number): string
}

/** JSON text of `[commits, events]`, as `decodeText` takes it: each commit once, and the events in their order. */
export function toEventsText(events: readonly EventText[]): string {
  const places = new Map<string, number>()
  const placeOf = (head: string): number => {
    const known = places.get(head) ?? places.size
    if (known === places.size) places.set(head, known)
    return known
  }
  const lines = events.map((event) => event.line(placeOf))
  return `[[${[...places.keys()].join()}],[${lines.join()}]]`
}
