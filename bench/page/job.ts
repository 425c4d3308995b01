/** What one run does. Every run has a page, a worker, a database and an origin of its own. */
export interface Job {
  readonly commits: number
  readonly eventsPerCommit: number
  readonly streams: number
  /** Commits written before the clock starts, so that nothing is measured cold. */
  readonly warmUpCommits: number
  /** Awaited appends of one event. */
  readonly singles: number
  readonly warmUpSingles: number
  /** Appends of one event that are under way at once, and how often. */
  readonly concurrent: number
  readonly concurrentTimes: number
  /** Commits of one event that are pending when a push begins. */
  readonly pushedCommits: number
  /** Events in the log that is pulled page by page, in commits of one to three. */
  readonly pulledEvents: number
  /** Pending commits that a foreign one meets. */
  readonly tailCommits: number
  /** Foreign commits that a tail meets, one after another; the first ones warm up. */
  readonly foreignCommits: number
  readonly warmUpForeignCommits: number
  /** Events of a large log, and the streams they are in. */
  readonly largeEvents: number
  readonly largeStreams: number
  /** Commits of one to three events each, in a log that is at the server before a device comes. */
  readonly firstSyncEvents: number
  /** Events that subscriptions read. */
  readonly subscribedEvents: number
  readonly durability: 'relaxed' | 'strict'
  readonly seed: number
  /** Number of the round, from 0; what is looked up in a large log differs between rounds. */
  readonly round: number
  readonly rounds: number
}

/** What one run measured, by name; the unit ends the name. */
export type Measures = Readonly<Record<string, number>>
export type Contender = (job: Job) => Promise<Measures>

/** A result that is wrong makes every number worthless, so the run ends. */
export function mustEqual(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what}: ${String(actual)} instead of ${String(expected)}`)
}
