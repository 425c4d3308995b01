import type { Clock } from '../../src/core/ports.ts'

interface Task {
  readonly at: number
  readonly order: number
  readonly realm: Realm
  readonly run: () => void
  isOff: boolean
}

/** One list of everything that is going to happen, in simulated time. Between two tasks every promise has run dry. */
export class Scheduler {
  readonly start: number = Date.UTC(2026, 0, 1)
  now: number = this.start
  steps = 0
  /** What must never happen, and did. */
  readonly failures: string[] = []
  #hash = 0
  #order = 0
  readonly #heap: Task[] = []
  #work: Promise<unknown> = Promise.resolve()
  #working = 0

  /** Says in one number what has happened, and in which order. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  /** Takes a line for whoever follows a run closely. */
  trace: ((line: string) => void) | undefined

  say(line: () => string): void {
    this.trace?.(`${((this.now - this.start) / 1000).toFixed(3)} ${line()}`)
  }

  /** Adds to what {@link hash} sums up. */
  note(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i))
  }

  post(realm: Realm, ms: number, run: () => void): () => void {
    const task: Task = { at: this.now + Math.max(0, ms), order: this.#order++, realm, run, isOff: false }
    this.#push(task)
    return () => {
      task.isOff = true
    }
  }

  /** Puts a task that was held back in line again. */
  repost(task: Task): void {
    this.#push({ ...task, at: Math.max(this.now, task.at), order: this.#order++ })
  }

  /** Does work that takes real time, one piece after the other; simulated time stands still meanwhile. */
  outside<T>(work: () => Promise<T>): Promise<T> {
    this.#working += 1
    const done = this.#work.then(work)
    this.#work = done.catch(() => {}).finally(() => (this.#working -= 1))
    return done
  }

  /** Runs tasks until `isOver` or the time is up; false when the time was up, or nothing is left to happen. */
  async run(isOver: () => boolean, msMax: number): Promise<boolean> {
    const end = this.now + msMax
    await this.#turn()
    while (!isOver()) {
      const task = this.#pop()
      if (task === undefined) return false
      if (task.isOff) continue
      if (task.at > end) {
        this.#push(task)
        this.now = end
        return false
      }
      this.now = Math.max(this.now, task.at)
      this.steps += 1
      this.#mix(task.at - this.start)
      this.#mix(task.realm.nth)
      if (task.realm.take(task)) await this.#turn()
    }
    return true
  }

  /** Everything that promises have left to do is done when this resolves: nothing but {@link outside} waits for real I/O. */
  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#working > 0) {
      await this.#work
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x2c1b3c6d)
    this.#hash = (this.#hash << 13) | (this.#hash >>> 19)
  }

  #push(task: Task): void {
    const heap = this.#heap
    let at = heap.push(task) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(task, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = task
  }

  #pop(): Task | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Task, b: Task): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

let realms = 0

/** Code that runs, stands still or dies as one: a page, a worker, a server process; also the disk and the wire. */
export class Realm {
  readonly name: string
  readonly nth: number
  readonly #scheduler: Scheduler
  readonly #runsCode: boolean
  #state: 'running' | 'frozen' | 'dead' = 'running'
  #held: Task[] = []
  readonly #deaths: (() => void)[] = []
  #countdown: { left: number; act: () => void } | undefined

  constructor(scheduler: Scheduler, name: string, runsCode = true) {
    this.#scheduler = scheduler
    this.name = name
    this.nth = realms++
    this.#runsCode = runsCode
  }

  static restartCount(): void {
    realms = 0
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }
  get isFrozen(): boolean {
    return this.#state === 'frozen'
  }

  /** Runs `run` here after `ms`, unless this realm is dead by then; a frozen one does it when it thaws. */
  post(ms: number, run: () => void): () => void {
    return this.#scheduler.post(this, ms, run)
  }

  /** True when code has run whose promises have to run dry. */
  take(task: Task): boolean {
    if (this.#state === 'dead') return false
    if (this.#state === 'frozen') {
      this.#held.push(task)
      return false
    }
    const due = this.#countdown
    if (due !== undefined && due.left-- <= 0) {
      this.#countdown = undefined
      this.#scheduler.repost(task)
      due.act()
      return true
    }
    task.run()
    return this.#runsCode
  }

  /** Does something from outside between two steps of this realm, that many steps from now. */
  before(steps: number, act: () => void): void {
    this.#countdown = { left: steps, act }
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen'
  }

  thaw(): void {
    if (this.#state !== 'frozen') return
    this.#state = 'running'
    const held = this.#held
    this.#held = []
    for (const task of held) if (!task.isOff) this.#scheduler.repost(task)
  }

  kill(): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#held = []
    for (const onDeath of this.#deaths.splice(0)) onDeath()
  }

  onDeath(act: () => void): void {
    if (this.#state === 'dead') act()
    else this.#deaths.push(act)
  }

  /** The time as this realm sees it; its clock may be wrong. */
  clock(skewMs = 0): Clock {
    return { now: () => this.#scheduler.now + skewMs, after: (ms, callback) => this.post(ms, callback) }
  }
}

/** Messages from one realm to another: late, but never out of order. */
export class Pipe {
  readonly #scheduler: Scheduler
  readonly #to: Realm
  #last = 0

  constructor(scheduler: Scheduler, to: Realm) {
    this.#scheduler = scheduler
    this.#to = to
  }

  post(ms: number, run: () => void): void {
    this.#last = Math.max(this.#last, this.#scheduler.now + ms)
    this.#to.post(this.#last - this.#scheduler.now, run)
  }
}
