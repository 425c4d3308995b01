import { Hub } from '../src/consumer/hub.ts'
import { runReactor } from '../src/consumer/reactor-runner.ts'
import { RowsFold } from '../src/consumer/rows-fold.ts'
import { RowsWriter } from '../src/consumer/rows-writer.ts'
import { TaskRunner } from '../src/consumer/task-runner.ts'
import type { AnyAutomation } from '../src/core/automation.ts'
import type { Metadata } from '../src/core/commit.ts'
import { definitionsOf, type EventMap } from '../src/core/event.ts'
import type { Model } from '../src/core/model.ts'
import type { AutomateParts, HostOptions } from './open-log.ts'

/** Runs the reactors and tasks of a model, and writes the rows of its read models, in the worker that serves its log. */
export function automationsOf<M extends EventMap>(model: Model<M>): Pick<HostOptions, 'automate' | 'stampsOrigin'> {
  const { automations, events, readModels } = model
  if (automations.length + readModels.length === 0) return {}
  const definitions = definitionsOf(events)
  // What makes no sense is refused before anything is open.
  const folds = readModels.map((readModel) => new RowsFold(readModel))
  return {
    stampsOrigin: automations.some(({ on }) => on === 'origin'),
    automate: (parts) => {
      const ports = { ...portsOf(parts), definitions }
      const running = [
        ...start(automations, new Hub(ports), parts),
        ...folds.map((fold) => new RowsWriter(ports, fold)),
      ]
      return {
        kick: () => {
          for (const one of running) one.kick()
        },
        stop: async () => {
          await Promise.all(running.map((one) => one.stop()))
        },
      }
    },
  }
}

interface Running {
  kick(): void
  stop(): Promise<unknown>
}

function start(
  automations: readonly AnyAutomation[],
  hub: Hub,
  { engine, isLocal }: AutomateParts,
): readonly Running[] {
  const isOwn = ({ metadata }: { readonly metadata: Metadata }): boolean => metadata.origin === engine.view.identity
  const isAnyones = (): boolean => true
  return automations.flatMap((automation) => {
    // A server runs what is its own, next to the data.
    if (automation.on === 'server' && !isLocal) return []
    const isWanted = automation.on === 'origin' ? isOwn : isAnyones
    return automation.kind === 'task'
      ? new TaskRunner(hub, automation, isWanted)
      : runReactor(hub, automation, isWanted)
  })
}

const portsOf = ({ api, engine, database, page, clock, random, locks, openChannel }: AutomateParts) => ({
  call: <T>(use: (to: typeof api) => Promise<T>) => use(api),
  database,
  clock,
  random,
  locks,
  openChannel,
  isVisible: page.isVisible,
  onSuspended: page.onSuspended,
  onMoved: (listener: (moved: { database: string; head: number; confirmed: number }) => void) =>
    engine.onMoved(() => {
      const { identity, revision, marker } = engine.view
      listener({ database: identity, head: revision, confirmed: marker.confirmed })
    }),
})
