import { TidelogError } from '../core/errors.ts'
import { createCell, createListeners, type Observable } from '../core/observable.ts'
import type { ChangesAnswer } from '../protocol/worker.ts'
import type { ConsumerPorts, Moved } from './ports.ts'
import { confirmedBehind, mustFollow, type RawEvent, rawEventsIn } from './raw-event.ts'
import type { ConsumerStatus } from './types.ts'

/** Without a notice for this long the log is looked at all the same. */
const pollMs = 60_000
/** The same while notices may be getting lost. */
const suspectPollMs = 3_000
/** Events that are handed round at once; with more of them each member reads what it wants. */
const roundMax = 500

/** A consumer that has read up to the head. */
export interface Member {
  /** Takes what came behind its position; false when it has no room, and will read for itself. */
  take(events: readonly RawEvent[], through: number): boolean
  /** It has to read for itself. */
  leave(): void
  fail(error: unknown): void
}

/**
 * What the consumers of one log in one tab share: they listen to notices together, read what is new once for all of
 * them, and look together when no notice comes.
 *
 * hub      e1 e2 e3 e4 │            one question for each notice
 * live     ────────────┤ A B C      handed on, filtered here
 * behind   ────── D                 reads for itself, by the index, and joins where the hub is
 */
export class Hub {
  readonly ports: ConsumerPorts
  readonly #live = new Set<Member>()
  readonly #beats = createListeners<[]>()
  readonly #enlisted = createCell<readonly Observable<ConsumerStatus>[]>([])
  /** Events up to here have been handed to the live members. */
  #position = 0
  /** The furthest that notices have told of. */
  #known: Moved = { database: '', head: 0, confirmed: 0 }
  #database: string | undefined
  #following = 0
  #stop = (): void => {}
  #callOff = (): void => {}
  #heardAt = 0
  #isSuspect = false
  /** Notices may have been missed since the log was last looked at. */
  #isDoubtful = false
  #isLooking = false

  constructor(ports: ConsumerPorts) {
    this.ports = ports
  }

  /** Position of the last confirmed event that is known of. */
  get head(): number {
    return Math.max(this.#known.confirmed, this.#position)
  }

  /** Listens for as long as anybody does. The answer ends it. */
  follow(onBeat: () => void): () => void {
    if (this.#following++ === 0) {
      this.#stop = this.ports.onMoved((moved) => this.#hear(moved))
      this.#heardAt = this.ports.clock.now()
      this.#beat()
    }
    const stopBeats = this.#beats.add(onBeat)
    return () => {
      stopBeats()
      if (--this.#following > 0) return
      this.#stop()
      this.#callOff()
    }
  }

  /** Takes a member that has read up to a position; false when there is more to read before. */
  join(member: Member, position: number): boolean {
    if (this.#live.size > 0 && position < this.#position) return false
    if (this.#live.size === 0) this.#position = position
    this.#live.add(member)
    if (this.#isDoubtful || this.#known.confirmed > this.#position) void this.#look()
    return true
  }

  /** The consumers of this tab. */
  readonly consumers: Observable<readonly Observable<ConsumerStatus>[]> = this.#enlisted

  /** Shows a consumer among the others; the answer takes it away. */
  enlist(gauge: Observable<ConsumerStatus>): () => void {
    this.#enlisted.set([...this.#enlisted.get(), gauge])
    return () => this.#enlisted.set(this.#enlisted.get().filter((other) => other !== gauge))
  }

  quit(member: Member): void {
    this.#live.delete(member)
  }

  /** A member asks: before the first answer nothing can have been missed until now. */
  asks(): void {
    if (this.#database === undefined) this.#isDoubtful = false
  }

  /** Notes what a member has found out by itself. */
  note({ head }: ChangesAnswer, position: number): void {
    if (head.confirmed < position) throw new TidelogError('tidelog/storage-lost', 'the log is shorter than it was')
    this.#database = head.database
    if (head.revision > this.#known.head) this.#known = { ...head, head: head.revision }
  }

  #hear(moved: Moved | undefined): void {
    // What may be missed while the first answer is on its way is looked for when a member joins.
    if (this.#database === undefined && moved === undefined) {
      this.#isDoubtful = true
      return
    }
    // A tab without storage has a log of its own.
    if (this.#database !== undefined && moved !== undefined && moved.database !== this.#database) return
    this.#heardAt = this.ports.clock.now()
    const wasSuspect = this.#isSuspect
    this.#isSuspect = moved === undefined
    if (this.#isSuspect !== wasSuspect) this.#beat()
    if (moved === undefined) this.#isDoubtful = true
    else if (moved.head > this.#known.head) this.#known = moved
    if (this.#isDoubtful || this.#known.confirmed > this.#position) void this.#look()
  }

  /** Looks when nothing was heard for so long. */
  #beat(): void {
    this.#callOff()
    this.#heardAt = Math.min(this.#heardAt, this.ports.clock.now())
    const everyMs = this.#isSuspect ? suspectPollMs : pollMs
    const { clock } = this.ports
    const isDue = (): boolean => clock.now() - this.#heardAt >= everyMs
    // A clock that was set back must not put it off for longer.
    const wait = Math.min(everyMs, Math.max(0, this.#heardAt + everyMs - clock.now()))
    this.#callOff = clock.after(wait, () => {
      if (isDue()) {
        this.#heardAt = clock.now()
        this.#isDoubtful = true
        void this.#look()
        this.#beats.tell()
      }
      this.#beat()
    })
  }

  /** Looks for as long as there may be more; one at a time. */
  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      while (this.#live.size > 0 && (this.#isDoubtful || this.#known.confirmed > this.#position)) {
        const seen = this.#isDoubtful ? undefined : this.#known.head
        this.#isDoubtful = false
        const position = this.#position
        const isTold = seen !== undefined
        const request = confirmedBehind(position, { limit: roundMax, seen, isTold })
        const answer = await this.ports.call((api) => api.changes(request))
        // Those it was asked for have left, and who has come since stands elsewhere.
        if (this.#position !== position) {
          this.#isDoubtful ||= !isTold
          continue
        }
        // The worker knows better than a notice.
        if (this.#known.head === seen) this.#known = { ...answer.head, head: answer.head.revision }
        this.#hand(answer)
      }
    } catch (error) {
      for (const member of this.#live) member.fail(error)
      this.#live.clear()
    }
    this.#isLooking = false
  }

  #hand(answer: ChangesAnswer): void {
    this.note(answer, this.#position)
    if (answer.more) {
      for (const member of this.#live) member.leave()
      this.#live.clear()
      return
    }
    const events = rawEventsIn(answer.confirmed)
    mustFollow(events, this.#position, answer.position)
    this.#position = answer.position
    for (const member of this.#live) if (!member.take(events, answer.position)) this.#live.delete(member)
  }
}
