import { commitOf, connections, Device } from './device.ts'
import { pause, round } from './figures.ts'
import { serve } from './processes.ts'
import type { Place } from './stores.ts'

export interface Outage {
  /** What was killed, one after the other. */
  readonly killed: readonly string[]
  /** For each of them: the longest time in which no push was accepted, in ms. */
  readonly longest: readonly number[]
  readonly commits: number
  /** Acknowledged, and not in the log at the end. */
  readonly lost: number
}

/** A client pushes one commit after the other while servers of the store are killed and started again. */
export async function outage({ address, servers = [] }: Place): Promise<Outage> {
  const endpoint = await serve('endpoint', address)
  const agent = connections()
  const writer = new Device('outage', agent)
  let isOver = false
  let acceptedAt = performance.now()
  let longest = 0
  let commits = 0
  const writing = (async () => {
    while (!isOver) {
      // The same commit until it is known to be there: an answer that did not come says nothing.
      const answer = await writer.push(endpoint.url, [commitOf(`o${commits}`)]).catch(() => undefined)
      if (answer?.status !== 'verdicts') {
        await pause(20)
        continue
      }
      const now = performance.now()
      longest = Math.max(longest, now - acceptedAt)
      acceptedAt = now
      commits += 1
    }
  })()
  const all: number[] = []
  for (const { kill, restore } of servers) {
    await pause(2_000)
    longest = 0
    await kill()
    const since = commits
    // What needs a restart is restarted at once; the others get the time to do without.
    await restore()
    for (let waited = 0; commits < since + 20 && waited < 600; waited++) await pause(100)
    all.push(round(longest))
  }
  isOver = true
  await writing
  const reader = new Device('outage', agent)
  await reader.pull(endpoint.url)
  agent.destroy()
  await endpoint.close()
  return { killed: servers.map(({ name }) => name), longest: all, commits, lost: commits - reader.seen.position }
}
