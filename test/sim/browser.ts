import type { LockOptions, Locks, OpenChannel } from '../../src/core/ports.ts'
import type { Chaos } from './chaos.ts'
import { Pipe, type Realm, type Scheduler } from './scheduler.ts'

interface Waiting {
  readonly realm: Realm
  readonly mode: 'exclusive' | 'shared'
  readonly grant: () => void
  /** The lock is taken away: a frozen holder hears of it when it is thawed. */
  readonly lose: () => void
}
interface Name {
  holders: Waiting[]
  queue: Waiting[]
}

/** The locks of one browser. A frozen holder keeps its lock, a dead one loses it. */
export class SimLocks {
  /** Every request is granted at once, as in a browser without Web Locks. */
  readonly grantsAll: boolean
  readonly #chaos: Chaos
  readonly #names = new Map<string, Name>()
  /** Called when a lock is taken away. */
  onStolen: () => void = () => {}
  /** A lock was taken away, and whoever had it may be at work until slow storage answers. */
  wasStolen = false

  constructor(grantsAll: boolean, chaos: Chaos) {
    this.grantsAll = grantsAll
    this.#chaos = chaos
  }

  /** Whether a realm holds a lock whose name ends so. */
  holds(realm: Realm, suffix: string): boolean {
    for (const [name, { holders }] of this.#names)
      if (name.endsWith(suffix) && holders.some((holder) => holder.realm === realm)) return true
    return false
  }

  of(realm: Realm): Locks {
    return { request: (name, options, hold) => this.#request(realm, name, options, hold) }
  }

  async #request(realm: Realm, name: string, options: LockOptions, hold: () => Promise<void>): Promise<boolean> {
    if (this.grantsAll) {
      if (options.mustExclude === true) return false
      await new Promise<void>((resolve) => realm.post(this.#chaos.dice.below(3), resolve))
      await hold()
      return true
    }
    const { mode = 'exclusive', timeoutMs, signal, steal } = options
    const state = this.#names.get(name) ?? { holders: [], queue: [] }
    this.#names.set(name, state)
    let lose = (): void => {}
    const lost = new Promise<never>((_, reject) => {
      const tell = (): void => reject(new Error('the lock was taken away'))
      lose = () => void realm.post(this.#chaos.dice.below(3), tell)
    })
    lost.catch(() => {})
    const release = await new Promise<(() => void) | undefined>((resolve) => {
      const leave = (): void => {
        state.holders = state.holders.filter((other) => other !== waiting)
        state.queue = state.queue.filter((other) => other !== waiting)
        this.#grant(state)
      }
      const grant = (): void => void realm.post(this.#chaos.dice.below(3), () => resolve(leave))
      const waiting: Waiting = { realm, mode, grant, lose: () => lose() }
      realm.onDeath(leave)
      if (steal) this.#rob(state)
      state.queue[steal ? 'unshift' : 'push'](waiting)
      this.#grant(state)
      const giveUp = (): void => {
        if (!state.queue.includes(waiting)) return
        leave()
        resolve(undefined)
      }
      signal?.addEventListener('abort', giveUp)
      if (timeoutMs !== undefined) realm.post(timeoutMs, giveUp)
    })
    if (release === undefined) return false
    try {
      await Promise.race([hold(), lost])
    } finally {
      release()
    }
    return true
  }

  #rob(state: Name): void {
    if (state.holders.length === 0) return
    this.wasStolen = true
    this.onStolen()
    for (const holder of state.holders) {
      this.#chaos.tally.count(
        holder.realm.isFrozen ? 'locks taken from who is frozen' : 'locks taken from who was not heard',
      )
      holder.lose()
    }
    state.holders = []
  }

  #grant(state: Name): void {
    for (let first = state.queue[0]; first !== undefined; first = state.queue[0]) {
      const isFree =
        state.holders.length === 0 || (first.mode === 'shared' && state.holders.every(({ mode }) => mode === 'shared'))
      if (!isFree) return
      state.queue.shift()
      state.holders.push(first)
      first.grant()
    }
  }
}

interface Member {
  readonly pipes: Map<Member, Pipe>
  readonly realm: Realm
  readonly hear: (message: unknown) => void
}

/** The channels of one browser: messages come as copies, later, in the order of their sender, and some are lost. */
export class SimChannels {
  readonly #chaos: Chaos
  readonly #scheduler: Scheduler
  readonly #members = new Map<string, Set<Member>>()

  constructor(scheduler: Scheduler, chaos: Chaos) {
    this.#scheduler = scheduler
    this.#chaos = chaos
  }

  of(realm: Realm): OpenChannel {
    return (name, hear) => {
      const members = this.#members.get(name) ?? new Set()
      this.#members.set(name, members)
      const own: Member = { realm, hear, pipes: new Map() }
      members.add(own)
      const close = (): void => {
        members.delete(own)
      }
      realm.onDeath(close)
      return { post: (message) => this.#post(members, own, message), close }
    }
  }

  #post(members: ReadonlySet<Member>, from: Member, message: unknown): void {
    for (const member of members) {
      if (member === from || this.#chaos.strikes('notices lost', 0.05)) continue
      const copy: unknown = structuredClone(message)
      const pipe = from.pipes.get(member) ?? new Pipe(this.#scheduler, member.realm)
      from.pipes.set(member, pipe)
      pipe.post(this.#chaos.dice.skewed(0, 20), () => {
        if (members.has(member)) member.hear(copy)
      })
    }
  }
}
