import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Observe, RequestEvent, SyncEvent } from '../observe.ts'
import { isStoreError } from '../store-error.ts'
import { createRegistry, type Registry } from './registry.ts'

/** What is known of a running endpoint, for Prometheus. */
export interface Metrics {
  readonly observe: Observe
  /** A request beside the endpoint's own, such as for a file. */
  readonly request: (route: string, status: number, durationMs: number) => void
  readonly setReady: (isReady: boolean) => void
  readonly text: () => string
}

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const storeBuckets = [0.0001, 0.00025, 0.0005, ...secondsBuckets]
/** Problems by which a limit refuses. */
const limits = ['too-many-requests', 'too-many-streams', 'live', 'busy', 'too-large', 'too-many', 'too-slow'] as const
const verdicts = ['accepted', 'duplicate', 'conflict', 'rejected', 'held'] as const

export function createMetrics(version: string): Metrics {
  const registry = createRegistry()
  registry
    .gauge('tidelog_build_info', 'Version of tidelog, as a label.', ['version', 'node'])
    .set(1, [version, process.versions.node])
  const ready = registry.gauge('tidelog_ready', '1 while /readyz answers 200.')
  const requests = createRequestMetrics(registry)
  const onSync = createSyncMetrics(registry)
  const onStore = createStoreMetrics(registry)
  addProcess(registry)
  return {
    observe: (event) => {
      if (event.type === 'request') requests.answered(event)
      onSync(event)
      onStore(event)
    },
    request: requests.count,
    setReady: (isReady) => ready.set(isReady ? 1 : 0),
    text: registry.text,
  }
}

function createRequestMetrics(registry: Registry): {
  readonly count: Metrics['request']
  readonly answered: (event: RequestEvent) => void
} {
  const total = registry.counter('tidelog_http_requests_total', 'Requests that were answered.', ['route', 'status'])
  const seconds = registry.histogram(
    'tidelog_http_request_duration_seconds',
    'Time to the answer; of a live stream, to its beginning.',
    secondsBuckets,
    ['route'],
  )
  const refused = registry.counter('tidelog_refused_total', 'Requests that a limit refused.', ['limit'])
  for (const limit of limits) refused.add([limit], 0)
  const count: Metrics['request'] = (route, status, durationMs) => {
    total.add([route, String(status)])
    seconds.observe(durationMs / 1_000, [route])
  }
  return {
    count,
    answered: ({ route = 'none', isWaiting, status, problem, durationMs }) => {
      count(isWaiting ? 'waiting-pull' : route, status, durationMs)
      if (limits.some((limit) => limit === problem)) refused.add([problem ?? ''])
    },
  }
}

function createSyncMetrics(registry: Registry): Observe {
  const pushes = registry.counter('tidelog_pushes_total', 'Pushes that were judged.', ['outcome'])
  const judged = registry.counter('tidelog_verdicts_total', 'Verdicts on pushed commits.', ['verdict'])
  const commits = registry.counter('tidelog_commits_appended_total', 'Commits that pushes have appended.')
  const events = registry.counter('tidelog_events_appended_total', 'Events that pushes have appended.')
  const waiting = {
    live: registry.gauge('tidelog_live_streams', 'Live streams that are open.'),
    pull: registry.gauge('tidelog_waiting_pulls', 'Pulls that wait for a log to grow.'),
  }
  const wakes = registry.counter(
    'tidelog_wakes_total',
    'How often the store has told that a log has grown for which somebody waits.',
  )
  for (const outcome of ['verdicts', 'pull-first', 'diverged']) pushes.add([outcome], 0)
  for (const verdict of verdicts) judged.add([verdict], 0)
  return (event: SyncEvent) => {
    switch (event.type) {
      case 'push':
        pushes.add([event.outcome])
        for (const verdict of verdicts) judged.add([verdict], event.verdicts[verdict])
        return
      case 'append':
        commits.add([], event.commits)
        events.add([], event.events)
        return
      case 'wait-began':
        return waiting[event.route].add(1)
      case 'wait-ended':
        return waiting[event.route].add(-1)
      case 'wake':
        return wakes.add()
    }
  }
}

function createStoreMetrics(registry: Registry): Observe {
  const seconds = registry.histogram(
    'tidelog_store_call_duration_seconds',
    'Time that calls of the store took, failed ones too.',
    storeBuckets,
    ['call'],
  )
  const errors = registry.counter('tidelog_store_errors_total', 'Calls of the store that failed.', ['call', 'reason'])
  return (event) => {
    if (event.type !== 'store-call') return
    const { call, durationMs, error } = event
    seconds.observe(durationMs / 1_000, [call])
    if (error !== undefined) errors.add([call, isStoreError(error) ? error.failure : 'error'])
  }
}

/** How often the delay of the event loop is measured. */
const resolutionMs = 10
/** What is measured is the time between two turns of a timer. */
const toLag = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1_000)

/** By the names that Prometheus clients commonly use. */
function addProcess(registry: Registry): void {
  const startedAt = Date.now() / 1_000 - process.uptime()
  registry.gauge('process_start_time_seconds', 'When the process started, in Unix time.').set(startedAt)
  const cpu = registry.counter('process_cpu_seconds_total', 'CPU time of the process.')
  const resident = registry.gauge('process_resident_memory_bytes', 'Resident memory of the process.')
  const heap = registry.gauge('nodejs_heap_size_used_bytes', 'Memory of the heap that is used.')
  const external = registry.gauge('nodejs_external_memory_bytes', 'Memory outside of the heap that objects hold.')
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  const lags = ([50, 90, 99] as const).map(
    (percent) =>
      [
        percent,
        registry.gauge(
          `nodejs_eventloop_lag_p${percent}_seconds`,
          `Delay of the event loop, percentile ${percent}, since it was last asked.`,
        ),
      ] as const,
  )
  const worst = registry.gauge(
    'nodejs_eventloop_lag_max_seconds',
    'The longest delay of the event loop since it was last asked.',
  )
  let cpuBefore = 0
  registry.onCollect(() => {
    const { user, system } = process.cpuUsage()
    cpu.add([], (user + system) / 1e6 - cpuBefore)
    cpuBefore = (user + system) / 1e6
    const memory = process.memoryUsage()
    resident.set(memory.rss)
    heap.set(memory.heapUsed)
    external.set(memory.external)
    for (const [percent, gauge] of lags) gauge.set(toLag(delay.max === 0 ? 0 : delay.percentile(percent)))
    worst.set(toLag(delay.max))
    delay.reset()
  })
}
