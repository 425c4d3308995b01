import type { EventMap } from '../core/event.ts'
import type { LogClient } from './log-client.ts'
import type { Log } from './types.ts'

/**
 * Puts the types of the model on a client: what a plain event is there, the events of the model are here. The one place
 * where that is asserted; `decodeEvent` is what makes it true.
 */
export const toLog = <M extends EventMap>(client: LogClient<M>): Log<M> => client as unknown as Log<M>
