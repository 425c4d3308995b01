import { releaseProxy, wrap } from 'comlink'
import { TidelogError } from '../core/errors.ts'
import type { OpenAnswer, OpenRequest, WorkerApi } from '../protocol/worker.ts'
import type { Session } from './connection.ts'

/** A worker that has not answered by then will not. Storage has its own, shorter, time-out. */
const openTimeoutMs = 30_000

/** Starts a worker and opens the log in it. Rejects with `tidelog/worker-lost` when the worker does not load or answer. */
export async function spawnSession(
  create: () => Worker,
  request: OpenRequest,
  onOpen: (answer: Extract<OpenAnswer, { ok: true }>) => void,
): Promise<Session> {
  const worker = create()
  const api = wrap<WorkerApi>(worker)
  const end = (): void => {
    api[releaseProxy]()
    worker.terminate()
  }
  try {
    const answer = await answerInTime(worker, api.open(request))
    if (!answer.ok) throw new TidelogError('tidelog/storage-lost', answer.reason.message)
    onOpen(answer)
  } catch (error) {
    end()
    throw error
  }
  return { api, end, onLost: (callback) => watch(request.aliveLock, callback) }
}

function answerInTime(worker: Worker, opening: Promise<OpenAnswer>): Promise<OpenAnswer> {
  return new Promise((resolve, reject) => {
    const lost = (why: string): void => reject(new TidelogError('tidelog/worker-lost', why))
    const timer = setTimeout(
      () => lost(`the worker of the log did not answer within ${openTimeoutMs} ms`),
      openTimeoutMs,
    )
    worker.onerror = (event) => lost(`the worker of the log could not be started: ${event.message ?? 'not found'}`)
    worker.onmessageerror = () => lost('the worker of the log sent what can not be read')
    opening.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      worker.onerror = null
    })
  })
}

/** The worker holds the lock while it lives: who gets it knows that the worker is dead. */
function watch(aliveLock: string, callback: () => void): void {
  if (navigator.locks !== undefined) navigator.locks.request(aliveLock, async () => callback()).catch(() => {})
}
