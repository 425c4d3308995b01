import { wrap } from 'comlink'
import { TidelogError } from '../core/errors.ts'
import type { OpenRequest, Said, WorkerApi } from '../protocol/worker.ts'
import type { Session } from './connection.ts'

/** A worker that has not answered by then will not. Storage has its own, shorter, time-out. */
const openTimeoutMs = 30_000

/** Starts a worker and opens the log in it. Rejects with `tidelog/worker-lost` when the worker does not load or answer. */
export async function spawnSession(
  create: () => Worker,
  request: OpenRequest,
  hear: (said: Said) => void,
): Promise<Session> {
  const worker = create()
  worker.addEventListener('message', ({ data }) => {
    if (data?.tidelog) hear(data.tidelog)
  })
  const end = (): void => worker.terminate()
  const api = wrap<WorkerApi>(worker)
  try {
    const opened = await Promise.race([api.open(request), failure(worker)])
    if (!opened.ok) throw new TidelogError('tidelog/storage-lost', opened.reason.message)
    // The worker holds the lock while it lives: who gets it knows that the worker is dead.
    const lost = navigator.locks?.request(request.aliveLock, () => {}) ?? new Promise(() => {})
    return { api, opened, end, lost }
  } catch (error) {
    end()
    throw error
  }
}

const failure = (worker: Worker): Promise<never> =>
  new Promise((_, reject) => {
    const lost = (why: unknown): void => reject(new TidelogError('tidelog/worker-lost', `the worker failed: ${why}`))
    worker.onerror = ({ message = 'it did not load' }) => lost(message)
    setTimeout(lost, openTimeoutMs, 'no answer')
  })
