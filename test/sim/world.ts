import { seededRandom } from '../../src/testing/seeded-random.ts'
import { Chaos } from './chaos.ts'
import { Device } from './device.ts'
import { Dice } from './dice.ts'
import type { DeviceEvidence, Ending, Evidence, Sequenced, TabEvidence } from './evidence.ts'
import { installIndexedDb } from './indexed-db.ts'
import { judge } from './oracle.ts'
import { Scenes } from './scenes.ts'
import { Realm, Scheduler } from './scheduler.ts'
import { SimServer } from './server.ts'
import type { Tab } from './tab.ts'
import { Tally } from './tally.ts'
import { entryOf, forbiddenText, history, type NoteData } from './theatre.ts'
import { Users } from './users.ts'

export interface Result {
  readonly seed: number
  readonly problems: readonly string[]
  readonly counts: Readonly<Record<string, number>>
  /** The same for the same seed. */
  readonly hash: string
  readonly steps: number
}

const roundMs = 150_000
const quietMsMax = 60 * 60_000

/** Lives through one seed and judges it. */
export async function runSeed(seed: number, trace?: (line: string) => void): Promise<Result> {
  installIndexedDb()
  Realm.restartCount()
  const world = new World(seed)
  world.scheduler.trace = trace
  let problems: readonly string[]
  try {
    problems = await world.live()
  } catch (error) {
    problems = [`the simulator failed: ${error instanceof Error ? error.stack : error}`]
  }
  return { seed, problems, counts: world.tally.counts, hash: world.scheduler.hash, steps: world.scheduler.steps }
}

class World {
  readonly scheduler: Scheduler = new Scheduler()
  readonly tally: Tally = new Tally()
  readonly #chaos: Chaos
  readonly #server: SimServer
  readonly #users: Users
  readonly #scenes: Scenes
  readonly #outside: Realm
  readonly #devices: Device[] = []
  readonly #newDevice: (name: string) => Device

  constructor(seed: number) {
    const dice = new Dice(seededRandom(seed))
    const random = seededRandom(seed ^ 0x5bd1e995)
    this.#chaos = new Chaos(dice, this.tally)
    this.#outside = new Realm(this.scheduler, 'outside')
    const hasTwoLeaders = seed % 3 === 0
    const processCount = seed % 2 === 1 ? 2 : 1
    if (hasTwoLeaders) this.tally.count('seeds with two leaders')
    if (processCount === 2) this.tally.count('seeds with two server processes')
    this.#server = new SimServer(this.scheduler, this.#chaos, processCount)
    this.#users = new Users(this.scheduler, this.#chaos)
    this.#scenes = new Scenes(this.#users, this.#chaos, this.#outside)
    this.#chaos.onStrike = (what) => this.scheduler.say(() => what)
    const parts = { scheduler: this.scheduler, chaos: this.#chaos, random, server: this.#server, hasTwoLeaders }
    this.#newDevice = (name) => {
      const device = new Device(name, parts)
      this.#devices.push(device)
      return device
    }
  }

  async live(): Promise<readonly string[]> {
    const { dice } = this.#chaos
    const hasOldApps = dice.chance(0.35)
    for (let nth = dice.between(2, 3); nth > 0; nth--) {
      const device = this.#newDevice('abcd'[this.#devices.length] ?? '')
      for (let tabs = dice.pick([1, 1, 2, 3]); tabs > 0; tabs--) device.open(hasOldApps && dice.chance(0.5))
    }
    const rounds = dice.pick([1, 1, 2])
    for (let round = 0; round < rounds; round++) {
      this.#chaos.isOn = true
      this.#planRound(round)
      await this.scheduler.run(() => this.scheduler.failures.length > 0, roundMs)
      this.#chaos.isOn = false
      const problems = await this.#settleAndJudge()
      if (problems.length > 0) return problems.map((problem) => `round ${round + 1}: ${problem}`)
    }
    this.tally.count('unanswered appends', this.#users.sent.filter(({ answer }) => answer === 'open').length)
    return this.#chaos.dice.chance(0.15) ? this.#restore() : []
  }

  #planRound(round: number): void {
    const { dice, tally } = this.#chaos
    const later = (act: () => void): void => {
      this.#outside.post(dice.below(roundMs * 0.8), act)
    }
    const act = (): void => {
      const device = dice.pick(this.#devices)
      const tab = device.alive[dice.below(Math.max(1, device.alive.length))] ?? device.open()
      // Now and then at all tabs at once.
      const tabs = dice.chance(0.2) ? device.alive : [tab]
      for (let many = dice.skewed(1, 4); many > 0; many--) for (const one of tabs) this.#users.act(device, one)
    }
    for (let left = dice.between(3, 15); left > 0; left--) later(act)
    if (dice.chance(0.7)) later(() => this.#partition(act, round === 0 && dice.chance(0.15)))
    if (round === 0 && dice.chance(0.35)) later(() => this.#doubleLife())
    if (dice.chance(0.15)) later(() => this.#scenes.peel(dice.pick(this.#devices)))
    for (let left = dice.below(4); left > 0; left--) later(() => this.#scenes.rush(this.#devices))
    for (let left = dice.between(0, 6); left > 0; left--) later(() => this.#disturb())
    for (let left = dice.between(0, 4); left > 0; left--)
      later(() => {
        const { line } = dice.pick(this.#devices)
        tally.count('lines cut')
        line.cut()
        const ms = dice.chance(0.5) ? dice.skewed(100, 20_000) : dice.between(20_000, 120_000)
        this.scheduler.say(() => `a line is cut for ${ms}`)
        this.#outside.post(ms, () => line.mend())
      })
  }

  /** Nobody reaches the server for a while, and everybody goes on. */
  #partition(act: () => void, withClone: boolean): void {
    const { dice, tally } = this.#chaos
    const ms = dice.between(5_000, 60_000)
    for (const { line } of this.#devices) {
      tally.count('lines cut')
      line.cut()
      this.#outside.post(ms + dice.skewed(0, 20_000), () => line.mend())
    }
    for (let left = dice.between(3, 12); left > 0; left--) this.#outside.post(dice.below(ms), act)
    if (withClone) this.#outside.post(dice.below(ms), () => this.#clone())
  }

  #disturb(): void {
    const { dice, tally } = this.#chaos
    const device = dice.pick(this.#devices)
    if (device.alive.length === 0 || dice.chance(0.2)) {
      if (device.alive.length < 4) device.open(device.tabs.some(({ isOld }) => isOld) && dice.chance(0.3))
      return
    }
    const leader = device.alive.find((tab) => tab.isLeader)
    const tab = leader !== undefined && dice.chance(0.5) ? leader : dice.pick(device.alive)
    if (dice.chance(0.15)) {
      tally.count('tabs closed')
      tab.page.post(0, () => void tab.close().catch(() => {}))
      return
    }
    const how = dice.pick(['kill', 'kill worker', 'freeze', 'freeze', 'freeze worker'] as const)
    device.disturb(tab, how, dice.skewed(10, 300_000))
  }

  #clone(): void {
    const original = this.#chaos.dice.pick(this.#devices)
    const clone = this.#copy(original)
    const ids = [...original.acknowledged].toReversed()
    this.#scenes.goOn(clone, clone.open(), ids, { back: [0, 2].slice(this.#chaos.dice.below(3)), more: [] })
  }

  #copy(original: Device): Device {
    this.tally.count('seeds with a cloned profile')
    const clone = this.#newDevice(`${original.name}'`)
    original.copyTo(clone)
    return clone
  }

  /** A profile is copied while commits wait in it. Both copies go on, and reach the server at the same time. */
  #doubleLife(): void {
    const { dice } = this.#chaos
    const original = dice.pick(this.#devices)
    original.line.cut()
    const { ids, sides } = this.#scenes.begin(original, original.alive[0] ?? original.open())
    this.#outside.post(dice.between(2_000, 6_000), () => {
      const copies = [original, this.#copy(original)].map((device, nth) => ({ device, ...sides[nth]! }))
      for (const { device, ...side } of copies) {
        device.line.cut()
        this.#scenes.goOn(device, device.alive[0] ?? device.open(), ids, side)
      }
      this.#outside.post(dice.between(8_000, 20_000), () => {
        for (const { device, uplinkMs } of copies) {
          device.line.mend()
          device.line.uplinkMs = uplinkMs
          for (const tab of device.alive) tab.page.post(1, () => tab.log.sync.now())
        }
      })
    })
  }

  /** Everything works again. */
  #heal(): void {
    this.#server.start()
    for (const device of this.#devices) {
      device.line.heal()
      for (const tab of device.tabs) tab.thaw()
    }
  }

  /** The browser often says that it is online again; without that, sync has to come back by itself. */
  #sayOnline(): void {
    for (const device of this.#devices)
      if (this.#chaos.dice.chance(0.5)) for (const tab of device.alive) tab.page.post(1, () => tab.log.sync.now())
  }

  /** All streams fall silent, and then something is written. */
  #hush(): void {
    for (const { line } of this.#devices) line.hush()
    const last = this.#chaos.dice.pick(this.#devices)
    const tab = last.alive[0] ?? last.open()
    this.#users.begin(last, tab, () => this.#users.note(last, tab, 't0'))
  }

  async #settleAndJudge(): Promise<readonly string[]> {
    this.#heal()
    if (this.#chaos.dice.chance(0.1)) this.#hush()
    else this.#sayOnline()
    const { failures } = this.scheduler
    if (failures.length > 0) return failures
    const isQuiet = await this.#waitForQuiet()
    if (failures.length > 0) return failures
    if (!isQuiet) return [await this.#sayWhyNotQuiet('not quiet after an hour')]
    // Notices that were lost are made up for in this time.
    await this.scheduler.run(() => false, 130_000)
    const evidence = await this.#collect()
    if (evidence === undefined) return [await this.#sayWhyNotQuiet('no answers to questions'), ...failures]
    return [...judge(evidence), ...failures]
  }

  async #waitForQuiet(): Promise<boolean> {
    const started = this.scheduler.now
    while (this.scheduler.now - started < quietMsMax) {
      const without = this.#devices.filter(({ alive }) =>
        alive.every((tab) => tab.isOld || tab.log.storage.get().state === 'memory'),
      )
      if (without.some(({ alive }) => alive.length > 9)) return false
      for (const device of without) device.open()
      await this.scheduler.run(() => false, 3_000)
      if (without.length > 0 || this.#devices.some(({ alive }) => alive.length === 0)) continue
      if (this.#devices.some(({ tabs }) => tabs.some(({ isBusy }) => isBusy))) continue
      const head = (await this.#server.log()).at(-1)?.last ?? 0
      const tabs = this.#devices.flatMap((device) => [...device.alive])
      const heads = await this.#ask(tabs, (tab) => tab.log.logHead())
      if (heads?.every(({ confirmed, pending }) => pending === 0 && confirmed === head)) return true
    }
    return false
  }

  /** Asks every tab something; nothing when they do not answer within some minutes. */
  async #ask<T>(tabs: readonly Tab[], ask: (tab: Tab) => Promise<T>): Promise<readonly T[] | undefined> {
    let answers: readonly T[] | undefined
    const asking = tabs.map(
      (tab) => new Promise<T>((resolve, reject) => tab.page.post(0, () => void ask(tab).then(resolve, reject))),
    )
    Promise.all(asking).then(
      (all) => {
        answers = all
      },
      (error: unknown) => this.scheduler.failures.push(`a tab could not answer: ${error}`),
    )
    await this.scheduler.run(() => answers !== undefined || this.scheduler.failures.length > 0, 300_000)
    if (answers === undefined) this.scheduler.say(() => `no answers from ${tabs.map(({ name }) => name)}`)
    return answers
  }

  async #sayWhyNotQuiet(what: string): Promise<string> {
    const head = (await this.#server.log()).at(-1)?.last ?? 0
    const tabs = this.#devices.flatMap((device) => [...device.alive])
    const states = await this.#ask(tabs, async (tab) => {
      const { confirmed, pending } = await tab.log.logHead()
      return `${tab.name} ${confirmed}+${pending} ${tab.underWay} ${tab.log.storage.get().state} ${JSON.stringify(tab.log.sync.get())}`
    })
    return `${what}; the server is at ${head}; ${states?.join('; ') ?? 'the tabs do not answer'}`
  }

  async #collect(): Promise<Evidence | undefined> {
    const log = (await this.#server.log()).map(({ id, contentId, first, last, text }): Sequenced => {
      const { events } = JSON.parse(text)
      return { id, contentId, first, last, facts: events }
    })
    const devices: DeviceEvidence[] = []
    for (const device of this.#devices) {
      const tabs = await this.#ask(device.alive, collectTab)
      const kept = device.alive.filter((tab) => tab.log.storage.get().durable)
      const said = await this.#ask(kept.slice(0, 1), (tab) => collectDevice(device, tab))
      const [rest] = said ?? []
      if (tabs === undefined || rest === undefined) return undefined
      for (const { reason } of rest.letters) this.tally.count(`dead letters: ${reason}`)
      for (const { status } of rest.endings.values()) this.tally.count(`ended: ${status}`)
      devices.push({ ...rest, tabs })
    }
    this.tally.count('confirmed commits', log.length)
    this.scheduler.note(JSON.stringify(log))
    return { log, devices, sent: this.#users.sent }
  }

  /** The server loses its last commits, and goes on: devices that know of them must notice, and keep what they have. */
  async #restore(): Promise<readonly string[]> {
    const log = await this.#server.log()
    if (log.length < 2) return []
    this.tally.count('seeds with a restored server')
    const kept = this.#chaos.dice.between(0, log.length - 1)
    const before = await this.#collect()
    for (const { line } of this.#devices) line.cut()
    await this.#server.restore(kept)
    const stranger = this.#newDevice('s')
    const tab = stranger.open()
    for (let left = log.length - kept + this.#chaos.dice.below(3); left > 0; left--) this.#users.act(stranger, tab)
    await this.scheduler.run(() => false, 60_000)
    this.#heal()
    this.#sayOnline()
    await this.scheduler.run(() => false, 200_000)
    const after = await this.#ask(
      this.#devices.filter((device) => device !== stranger).flatMap(({ alive }) => [...alive]),
      async (one) => ({ ...(await collectTab(one)), state: one.log.sync.get().state }),
    )
    const problems = [...this.scheduler.failures]
    const tabsBefore = before?.devices.flatMap(({ tabs }) => [...tabs]) ?? []
    for (const one of after ?? []) {
      const was = tabsBefore.find(({ name }) => name === one.name)
      if (was !== undefined && JSON.stringify(was.read) !== JSON.stringify(one.read))
        problems.push(`${one.name} changed its log when the server was restored to ${kept} of ${log.length} commits`)
      if (one.state === 'diverged') this.tally.count('diverged devices')
      else problems.push(`${one.name} is '${one.state}' although the server lost what it knows`)
    }
    return problems.map((problem) => `restored: ${problem}`)
  }
}

async function collectTab(tab: Tab): Promise<TabEvidence> {
  const { log, name } = tab
  const { confirmed, pending } = await log.logHead()
  const read = (await log.read().all()).events.map(entryOf)
  const view = log.view(history)
  await view.ready
  return { name, read, view: view.get(), confirmed, pending }
}

async function collectDevice(device: Device, { log }: Tab): Promise<Omit<DeviceEvidence, 'tabs'>> {
  const { name, discarded, withdrawn, unsent, takenBack, promised } = device
  const acknowledged = new Set(device.acknowledged)
  const letters = (await log.deadLetters.list()).map(({ commitId, reason, events }) => ({
    commitId,
    reason: reason.type,
    isForbidden: events.some(({ data }) => (data as Partial<NoteData>).text === forbiddenText),
  }))
  const endings = new Map<string, Ending>()
  for (const id of acknowledged) endings.set(id, await endingOf(log, id))
  const told = { endings, promised, takenBack: new Set(takenBack), unsent: device.isOnly ? unsent : new Set<string>() }
  return { name, letters, acknowledged, discarded, withdrawn, ...told }
}

async function endingOf(log: Tab['log'], commitId: string): Promise<Ending> {
  try {
    const end = await log.whenConfirmed({ commitId })
    return end.status === 'confirmed' ? { status: end.status, position: end.position } : { status: end.status }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'tidelog/argument') return { status: 'unknown' }
    throw error
  }
}
