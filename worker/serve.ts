import { expose } from 'comlink'
import type { EventMap } from '../src/core/event.ts'
import type { Model } from '../src/core/model.ts'
import { createDeciders } from '../src/core/rulings.ts'
import { createDeciding } from '../src/log/deciding.ts'
import { automationsOf } from './automate.ts'
import { createBrowserHost } from './browser-host.ts'
import type { SyncEndpoint } from './open-log.ts'

/** Options of {@link serveLog}. */
export interface ServeOptions {
  /** Where a log syncs: `({ log }) => httpSync(`/sync/${log}`)`. Without it the device is the log's own sequencer. */
  readonly sync?: (log: { readonly log: string; readonly key: string }) => SyncEndpoint | undefined
}

/** Serves the log of a model from a dedicated module worker to the page that started it. */
export function serveLog<M extends EventMap>(model: Model<M>, options: ServeOptions = {}): void {
  const deciding = createDeciding(createDeciders(model.deciders))
  expose(createBrowserHost({ ...options, ...automationsOf(model), deciding }))
}

/** The sync endpoint at a URL, relative to the page's origin; `headers` go with every request. */
export const httpSync = (
  url: string,
  options: { readonly headers?: Readonly<Record<string, string>> } = {},
): SyncEndpoint => ({
  url: new URL(url, location.origin).href.replace(/\/$/, ''),
  ...options,
})
