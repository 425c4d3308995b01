// What a condition means, written apart from the code that enforces it: a scan of the log as it was before the commit.

/** An event of the log, as any reader gets it. */
export interface Happened {
  readonly id: string
  readonly commitId: string
  readonly type: string
  readonly stream: string
  readonly data: unknown
}
export interface Item {
  readonly types?: readonly string[]
  readonly tags?: Readonly<Record<string, string | undefined>>
}
/** What an append hung on, with the ids of the events that its writer had seen. */
export type Condition =
  | { readonly kind: 'none' }
  | { readonly kind: 'version'; readonly stream: string; readonly expected: number | 'exists' }
  /** A version with the marker of the read that it comes from. */
  | { readonly kind: 'unchanged'; readonly stream: string; readonly seen: readonly string[] }
  /** `seen` is what matched when it was read, up to the position `head`: nothing may have come, and nothing may be gone. */
  | {
      readonly kind: 'query'
      readonly items: readonly Item[]
      readonly seen: ReadonlySet<string>
      readonly head?: number
    }

/** Whether an event is one that a query looks at. A tag is a field of the data. */
export const isLookedAt = (items: readonly Item[], { type, data }: Pick<Happened, 'type' | 'data'>): boolean =>
  items.some(
    ({ types = [type], tags = {} }) =>
      types.includes(type) &&
      Object.entries(tags).every(([key, value]) => (data as Readonly<Record<string, unknown>>)[key] === value),
  )

/** Whether a condition holds of what stands before its commit. */
export function holds(condition: Condition, before: readonly Happened[]): boolean {
  switch (condition.kind) {
    case 'none':
      return true
    case 'version': {
      const { length } = before.filter(({ stream }) => stream === condition.stream)
      return condition.expected === 'exists' ? length > 0 : length === condition.expected
    }
    case 'unchanged': {
      const ids = before.filter(({ stream }) => stream === condition.stream).map(({ id }) => id)
      return JSON.stringify(ids) === JSON.stringify(condition.seen)
    }
    case 'query': {
      const found = before.filter((event) => isLookedAt(condition.items, event))
      return found.length === condition.seen.size && found.every(({ id }) => condition.seen.has(id))
    }
  }
}
