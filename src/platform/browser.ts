import type { Channel, Clock, LockOptions, Locks, OpenChannel, Random } from '../core/ports.ts'
import { newRandomId } from './ids.ts'

/** The ports of a browser, in a page and in a worker alike. */
export const browserClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

export const browserRandom: Random = { newId: newRandomId, fraction: () => Math.random() }

/** Web Locks; where there are none (insecure pages, old web views) every request is granted at once. */
export const browserLocks: Locks = {
  request: async (name, options, hold) => {
    if (typeof navigator === 'undefined' || navigator.locks === undefined) {
      if (options.mustExclude === true) return false
      await hold()
      return true
    }
    return requestLock(navigator.locks, name, options, hold)
  },
}

async function requestLock(
  locks: LockManager,
  name: string,
  { mode = 'exclusive', timeoutMs, signal, steal }: LockOptions,
  hold: () => Promise<void>,
): Promise<boolean> {
  let held = false
  const granted = async (lock: Lock | null): Promise<void> => {
    if (lock === null) return
    held = true
    await hold()
  }
  if (timeoutMs === 0 || steal) {
    await locks.request(name, steal ? { steal } : { mode, ifAvailable: true }, granted)
    return held
  }
  const giveUp = new AbortController()
  const abort = (): void => giveUp.abort()
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  const timer = timeoutMs === undefined ? undefined : setTimeout(abort, timeoutMs)
  const stopTimer = (lock: Lock | null): Promise<void> => {
    clearTimeout(timer)
    return granted(lock)
  }
  try {
    await locks.request(name, { mode, signal: giveUp.signal }, stopTimer)
  } catch (error) {
    // Time is up. Asking who holds the lock evicts a holder that sits in Chromium's back/forward cache.
    if (held || !giveUp.signal.aborted) throw error
    if (signal?.aborted !== true) await locks.query()
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
  return held
}

/** A BroadcastChannel. A message that can't be read comes as what is no message. */
export const openBrowserChannel: OpenChannel = (name, onMessage): Channel => {
  const channel = new BroadcastChannel(name)
  channel.onmessage = channel.onmessageerror = (event: MessageEvent<unknown>) => onMessage(event.data)
  return {
    post: (message) => channel.postMessage(message),
    close: () => channel.close(),
  }
}
