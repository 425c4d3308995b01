/** What a browser says of the storage of this origin: of all that is in it, not of one log. */
export interface StorageEstimate {
  /** Bytes in use and bytes that may be, roughly; absent where the browser does not tell. */
  readonly usage?: number
  readonly quota?: number
  /** Whether the browser has promised not to evict it (`persist` of `openLog`); absent where it does not tell. */
  readonly isPersisted?: boolean
}

/** Asks the browser how much room there is, and whether what is stored will stay. Never rejects. */
export async function estimateStorage(): Promise<StorageEstimate> {
  // Absent on plain http and in old web views; what is there may refuse.
  const manager = globalThis.navigator?.storage as Partial<StorageManager> | undefined
  const [estimate, isPersisted] = await Promise.all([
    manager?.estimate?.().catch(() => undefined),
    manager?.persisted?.().catch(() => undefined),
  ])
  const { usage, quota } = estimate ?? {}
  return {
    ...(usage !== undefined && { usage }),
    ...(quota !== undefined && { quota }),
    ...(isPersisted !== undefined && { isPersisted }),
  }
}
