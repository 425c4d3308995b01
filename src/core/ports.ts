/** What the engine needs from outside. A browser, a test and the simulator hand in their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls back once after `ms`; the returned function calls it off. */
  after(ms: number, callback: () => void): () => void
}

/** Randomness. */
export interface Random {
  /** A new unique id. */
  newId(): string
  /** A number in [0, 1), for jitter. */
  fraction(): number
}

/** Locks by name, as the Web Locks of a browser. A lock is a hint here: the key of a write is the fence. */
export interface Locks {
  /**
   * Runs `hold` inside the lock and answers true, or answers false when it was not to be had within `timeoutMs`. Rejects at
   * once when the lock is taken away meanwhile.
   */
  request(name: string, options: LockOptions, hold: () => Promise<void>): Promise<boolean>
}
export interface LockOptions {
  readonly mode?: 'exclusive' | 'shared'
  /** Give up after this long; 0 asks once. Absent: wait for ever. */
  readonly timeoutMs?: number
  /** Gives up what is not granted yet; what is held stays held. */
  readonly signal?: AbortSignal
  /** Not to be had where locks are only a courtesy. */
  readonly mustExclude?: boolean
  /** Takes it away from who holds it, at once. */
  readonly steal?: boolean
}

/** How a page lives: it may be about to be frozen, kept in the back/forward cache or left. */
export type PageLife = 'visible' | 'hidden' | 'suspended'

/** A named channel between the tabs and workers of one browser. What is posted does not come back to the poster. */
export interface Channel {
  post(message: unknown): void
  close(): void
}
export type OpenChannel = (name: string, onMessage: (message: unknown) => void) => Channel

/** A request to the sync endpoint; rejects when nothing answered. */
export type Fetch = (request: Request) => Promise<Response>
