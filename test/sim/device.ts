import type { Random } from '../../src/core/ports.ts'
import type { SealOptions } from '../../src/log/seal.ts'
import type { PullRow, RebaseRow, SealRow } from '../../src/protocol/rows.ts'
import { SimChannels, SimLocks } from './browser.ts'
import type { Chaos } from './chaos.ts'
import { Disk } from './disk.ts'
import { isInTransaction } from './indexed-db.ts'
import { Line } from './network.ts'
import { Realm, type Scheduler } from './scheduler.ts'
import type { SimServer } from './server.ts'
import { type Browser, Tab } from './tab.ts'
import { type Entry, history } from './theatre.ts'

/** Segments as small as they get, and none at all. */
const sealings: readonly SealOptions[] = [
  { from: 1, max: 4, smallMax: 1, keptRows: 20, heldTextMin: 0 },
  { from: 2, max: 8, smallMax: 3, keptRows: 40, heldTextMin: 300 },
  { from: 5, max: 20, smallMax: 2, keptRows: 1_000 },
  { from: 1_000, max: 1_000, smallMax: 1, keptRows: 1_000 },
]

/** One browser: tabs come, go, freeze and die; the disk stays. */
export class Device {
  readonly name: string
  readonly line: Line
  tabs: Tab[] = []
  readonly acknowledged: Set<string> = new Set()
  readonly discarded: Set<string> = new Set()
  readonly withdrawn: Set<string> = new Set()
  readonly unsent: Set<string> = new Set()
  readonly takenBack: Set<string> = new Set()
  /** When a worker died or woke up here: what it had begun before may land later. */
  lastGapAt = 0
  #toldHead = 0
  readonly promised: { readonly id: string; readonly position: number }[] = []
  readonly #browser: Browser
  #opened = 0
  #hasCopy = false

  constructor(
    name: string,
    parts: {
      readonly scheduler: Scheduler
      readonly chaos: Chaos
      readonly random: Random
      readonly server: SimServer
      readonly hasTwoLeaders: boolean
    },
  ) {
    const { scheduler, chaos, random, server, hasTwoLeaders } = parts
    this.name = name
    this.line = new Line(scheduler, chaos, server, name)
    this.#browser = {
      name,
      scheduler,
      chaos,
      random,
      disk: new Disk(scheduler, new Realm(scheduler, `disk of ${name}`, false), chaos),
      locks: new SimLocks(hasTwoLeaders, chaos),
      channels: new SimChannels(scheduler, chaos),
      line: this.line,
      skewMs: chaos.dice.between(-100_000, 100_000),
      sealing: chaos.dice.pick(sealings),
      downloadFrom: chaos.dice.pick([1, 4, 12]),
    }
    this.#browser.locks.onStolen = () => scheduler.say(() => `a lock of ${name} is taken away`)
    this.line.onHead = (head) => {
      this.#toldHead = Math.max(this.#toldHead, head)
    }
    this.#browser.disk.onAdded = (row) => this.#count(row)
  }

  #count(row: object): void {
    if ((row as Partial<SealRow>).kind === 'seal') this.#browser.chaos.tally.count('segments sealed')
    if ((row as Partial<PullRow>).segment !== undefined) this.#browser.chaos.tally.count('segments downloaded')
    const { kind, through, replaced, refused, withdrawn } = row as Partial<RebaseRow>
    if (kind !== 'rebase' || replaced === undefined || refused === undefined || withdrawn === undefined) return
    const { chaos, scheduler, locks } = this.#browser
    const { tally } = chaos
    if (through === -1 || through === undefined) return
    // A tab without storage has a log of its own, and what its leader was told is not of this one.
    const isAlone = this.tabs.every((tab) => tab.log.storage.get().state !== 'memory')
    const isLedByOne = !locks.grantsAll && !locks.wasStolen
    const isSure = isAlone && isLedByOne && scheduler.now - this.lastGapAt > 1_000
    if (through < this.#toldHead && isSure)
      scheduler.failures.push(
        `${this.name} checked its queue at ${through}, but the log was known to go to ${this.#toldHead}`,
      )
    tally.count('decided again: changed', JSON.parse(replaced).length)
    tally.count('decided again: no, or conflict', refused.length)
    tally.count('decided again: nothing to do', withdrawn.length)
    if (replaced === '[]' && refused.length + withdrawn.length === 0) tally.count('decided again: all the same')
  }

  /** Another browser on a copy of this one's profile, as a restored backup gives it. */
  copyTo(other: Device): void {
    this.#browser.disk.copyTo(other.#browser.disk)
    for (const name of ['acknowledged', 'discarded', 'withdrawn'] as const)
      for (const id of this[name]) other[name].add(id)
    this.#hasCopy = true
  }

  /** What one of two copies has not sent, the other one may send. */
  get isOnly(): boolean {
    return !this.#hasCopy && this.family === this.name
  }
  /** A copy of a profile is of the same family: its database has the same name. */
  get family(): string {
    return this.name.slice(0, 1)
  }
  get alive(): readonly Tab[] {
    return this.tabs.filter((tab) => tab.isAlive)
  }

  open(isOld = false): Tab {
    const { chaos, scheduler } = this.#browser
    const tab = new Tab(this.#browser, `${this.name}${++this.#opened}`, isOld)
    chaos.tally.count('tabs opened')
    if (isOld) chaos.tally.count('tabs without deciders')
    scheduler.say(() => `${this.name} opens ${this.name}${this.#opened}`)
    this.tabs.push(tab)
    tab.onWorkerDeath = () => {
      this.lastGapAt = scheduler.now
    }
    tab.log.ready.catch(() => {})
    watchView(tab, (problem) => scheduler.failures.push(problem))
    return tab
  }

  /** Something happens to a tab between two of its next steps. */
  disturb(tab: Tab, how: 'kill' | 'kill worker' | 'freeze' | 'freeze worker', freezeMs: number): void {
    const { chaos, scheduler } = this.#browser
    const { tally } = chaos
    tab.worker.before(chaos.dice.below(60), () => {
      if (!chaos.isOn) return
      scheduler.say(() => `${how} ${tab.name} ${freezeMs}`)
      if (tab.isLeader) tally.count('leaders frozen or killed')
      if (how === 'kill') {
        tally.count('tabs killed')
        tab.kill()
      } else if (how === 'kill worker') {
        tally.count('workers killed')
        tab.worker.kill()
      } else {
        tally.count(how === 'freeze' ? 'tabs frozen' : 'workers frozen')
        if (isInTransaction(tab.worker)) tally.count('frozen inside a transaction')
        tab.freeze(how === 'freeze worker')
        const outside = new Realm(scheduler, 'browser')
        outside.post(freezeMs, () => {
          this.lastGapAt = scheduler.now
          tab.thaw()
        })
      }
    })
  }
}

/** Looks at a view whenever it changes: no commit shows in part, and what is confirmed stays as it is. */
function watchView(tab: Tab, say: (problem: string) => void): void {
  const view = tab.log.view(history)
  let before: readonly Entry[] = []
  let hadStorage = true
  view.ready.catch(() => {})
  view.subscribe(() => {
    const state = view.get()
    // Without storage every worker has a log of its own, which begins anew.
    hadStorage &&= tab.log.storage.get().state !== 'memory'
    const counts = new Map<string, number>()
    for (const { commitId } of state) counts.set(commitId, (counts.get(commitId) ?? 0) + 1)
    for (const { commitId, data } of state)
      if (counts.get(commitId) !== (data as { readonly of: number }).of)
        return say(`${tab.name} showed ${counts.get(commitId)} events of ${commitId}: ${JSON.stringify(data)}`)
    const confirmed = state.filter(({ position }) => position !== undefined)
    for (const [at, entry] of hadStorage ? before.entries() : [])
      if (entry.id !== confirmed[at]?.id) return say(`${tab.name} showed another confirmed event at ${at + 1}`)
    before = confirmed
  })
}
