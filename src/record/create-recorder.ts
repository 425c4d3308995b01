import type { Log } from '../client/types.ts'
import { mustBe } from '../core/errors.ts'
import type { EventMap, Fact } from '../core/event.ts'
import { browserClock, browserRandom } from '../platform/browser.ts'
import { createRecorderOver, type RecorderPorts } from './recorder.ts'
import type { Recorder, RecorderOptions } from './types.ts'

/**
 * Records events in a log without a wait: they are taken at once, and come into the log in order as soon as its storage
 * takes them. Close it before the log. Throws `tidelog/argument` for options that make no sense.
 */
export function createRecorder<M extends EventMap>(log: Log<M>, options?: RecorderOptions): Recorder<M> {
  mustBe(typeof log?.append === 'function', 'a log', log)
  const append: RecorderPorts['append'] = (stream, facts, given) => {
    // `record` takes only facts of this model; what is none all the same, the log refuses.
    const events = facts as readonly Fact<M>[]
    return stream === undefined ? log.append(events, given) : log.append(stream, events, given)
  }
  return createRecorderOver({ append, clock: browserClock, random: browserRandom, onHidden: onPageHidden }, options)
}

/** A page that is hidden may end without another word. */
function onPageHidden(callback: () => void): () => void {
  if (typeof document === 'undefined') return () => {}
  const look = (): void => {
    if (document.visibilityState === 'hidden') callback()
  }
  document.addEventListener('visibilitychange', look)
  addEventListener('pagehide', callback)
  return () => {
    document.removeEventListener('visibilitychange', look)
    removeEventListener('pagehide', callback)
  }
}
