import { insideOf } from '../client/inside.ts'
import { mustBe, mustKnow } from '../core/errors.ts'
import type { Not } from '../core/outcome.ts'
import type { AttachAnswer, Bring } from '../protocol/worker.ts'
import type { ClosableLog } from './closable.ts'

/** Options of {@link adopt}. */
export interface AdoptOptions {
  /**
   * What comes over from this log once the fresh one has followed its server: what was `pending`, or also what the server does
   * not have (`missing`). Commits keep their ids, commands are decided anew, and what is refused becomes a dead letter.
   */
  readonly bring: Bring
}
/** Why a log can't be attached; nothing has changed on this device. */
export type AttachRefused = Extract<AttachAnswer, { ok: false }>['reason']

/**
 * Ends this log in all tabs and goes on with a fresh replica of what the server has: for a log whose server was reset, restored or
 * swapped (`diverged`), or that had none. What was here stays as an archive. The log is closed then: open it anew.
 */
export async function adopt(log: ClosableLog, { bring, ...unknown }: AdoptOptions): Promise<void> {
  mustKnow(unknown, '')
  mustBe(['missing', 'pending', 'nothing'].includes(bring), 'bring', bring)
  await insideOf(log).call((api) => api.adopt(bring))
  await log.close()
}

/**
 * Gives a log that was its own sequencer to a server that has no log of this name: same commits, same positions. The log is closed
 * then in all tabs: open it anew. Where the server has one already, {@link adopt} brings this one's commits to its end.
 */
export async function attach(log: ClosableLog): Promise<{ readonly ok: true } | Not<AttachRefused>> {
  const answer = await insideOf(log).call((api) => api.attach())
  if (answer.ok) await log.close()
  return answer
}
