import { type AnyLog, type Inside, insideOf } from '../client/inside.ts'
import type { SyncStatus } from '../client/types.ts'
import { mustBe, mustKnow } from '../core/errors.ts'
import type { Not } from '../core/outcome.ts'
import type { Unsent, Wipe } from '../protocol/worker.ts'
import type { ClosableLog } from './closable.ts'

export type { Unsent } from '../protocol/worker.ts'

/** Options of {@link signOut}. */
export interface SignOutOptions {
  /**
   * `keep` leaves all on this device for the next time · `push` waits until the server has all, then wipes · `wipe` deletes all,
   * sent or not.
   */
  readonly unsent: 'keep' | 'push' | 'wipe'
  /** How long `push` waits, 30 s by default. */
  readonly timeoutMs?: number
}
/** What became of a sign-out. */
export interface SignedOut {
  readonly ok: true
  /** What the server does not have: kept, or, with `wipe`, gone. */
  readonly unsent: Unsent
  /** False with `keep`, and while a tab that does not answer holds the storage: then it is deleted when the log is opened next. */
  readonly isWiped: boolean
}

const wipes: Readonly<Record<SignOutOptions['unsent'], Wipe>> = { keep: 'nothing', push: 'if-sent', wipe: 'all' }

/** What only this device has: what signing out with `wipe` would lose. */
export const unsentOf = (log: AnyLog): Promise<Unsent> => insideOf(log).call((api) => api.unsent())

/**
 * Lets the log go in all tabs: their logs are closed and nothing is sent with the user's credentials any more. With `push`, where
 * something could not be sent, the answer says how much, and nothing has happened.
 */
export async function signOut(
  log: ClosableLog,
  { unsent, timeoutMs = 30_000, ...unknown }: SignOutOptions,
): Promise<SignedOut | Not<{ readonly type: 'Unsent' } & Unsent>> {
  mustKnow(unknown, '')
  const wipe = wipes[unsent]
  mustBe(wipe !== undefined, 'unsent', unsent)
  const inside = insideOf(log)
  if (unsent === 'push') await pushed(log, inside, timeoutMs)
  const answer = await inside.call((api) => api.leave(wipe))
  if (!answer.ok) return { ok: false, reason: { type: 'Unsent', ...answer.unsent } }
  await log.close()
  return { ok: true, unsent: answer.unsent, isWiped: answer.isWiped }
}

/** States in which a log has no server that it could wait for. */
const alone: readonly SyncStatus['state'][] = ['off', 'needs-attach']

/** Waits until nothing is pending or to be brought over, or for so long. */
async function pushed({ sync }: AnyLog, { call, feed, ports }: Inside, timeoutMs: number): Promise<void> {
  const giveUp = new AbortController()
  const callOff = ports.clock.after(timeoutMs, () => giveUp.abort())
  await call((api) => api.askSync('now'))
  for (;;) {
    // Listening comes before asking, so that a move in between is not missed.
    const moved = feed.nextMove(giveUp.signal)
    const { pending, local } = await call((api) => api.unsent())
    const isDone = pending === 0 && (local === 0 || alone.includes(sync.get().state))
    if (isDone || giveUp.signal.aborted) break
    await moved
  }
  callOff()
  // Who listens no more is forgotten.
  giveUp.abort()
}
