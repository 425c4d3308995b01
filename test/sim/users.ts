import type { Marker, Receipt } from 'tidelog'
import type { Chaos } from './chaos.ts'
import { deciders } from './deciders.ts'
import type { Device } from './device.ts'
import type { Dice } from './dice.ts'
import type { Asked, Fact, Look, Rule, Sent } from './evidence.ts'
import { type Command, type RuleName, rules } from './rules.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimLog, Tab } from './tab.ts'
import { events, forbiddenText } from './theatre.ts'

type AnyFact = ReturnType<(typeof events)['Noted']> | ReturnType<(typeof events)['Booked']>
type Answer =
  | { readonly ok: true; readonly receipt: Receipt<unknown>; readonly events: readonly unknown[] }
  | { readonly ok: false; readonly reason: { readonly type: string } }
type Act = (device: Device, tab: Tab) => Promise<void>
type Write = (id: string) => Promise<Answer>

/** An append of a tab that runs has to be answered in this time, whatever other tabs do. */
const answerMsMax = 60_000

/** People at the tabs, who write, look, change their minds and try again. */
export class Users {
  readonly sent: Sent[] = []
  readonly #scheduler: Scheduler
  readonly #chaos: Chaos
  #count = 0
  readonly #seen: { family: string; topic: string; ids: readonly string[]; after: Marker }[] = []

  constructor(scheduler: Scheduler, chaos: Chaos) {
    this.#scheduler = scheduler
    this.#chaos = chaos
  }

  get #dice(): Dice {
    return this.#chaos.dice
  }

  /** Does one thing at a tab. */
  act(device: Device, tab: Tab): void {
    this.begin(device, tab, this.#dice.pick(this.#acts))
  }

  get #acts(): readonly Act[] {
    return [
      this.#note,
      this.#note,
      this.#burst,
      this.#atVersion,
      this.#ifExists,
      this.#ifUnread,
      this.#withStrangersMarker,
      this.#claim,
      this.#severalStreams,
      this.#again,
      this.#forbidden,
      this.#correct,
      this.#changeMind,
      this.#discard,
      this.#execute,
      this.#execute,
      this.#execute,
      this.#execute,
      this.#execute,
      this.#execute,
      this.#withdrawSome,
      this.#retry,
    ]
  }

  /** Somebody does this at a tab; what goes wrong with it is looked at. */
  begin(device: Device, tab: Tab, act: Act): void {
    tab.underWay += 1
    tab.page.post(0, () => {
      const acting = act.call(this, device, tab).catch((error: unknown) => this.#failed(tab, error))
      void acting.then(() => {
        tab.underWay -= 1
      })
    })
  }

  readonly #topic = (): string => `t${this.#dice.below(3)}`
  readonly #noted = (topic: string, of = 1): AnyFact => events.Noted({ topic, text: `${++this.#count}`, of })

  newId(tab: Tab): string {
    return `${tab.name}-${++this.#count}`
  }

  /** Notes something, or what is forbidden. */
  async note(device: Device, tab: Tab, topic: string, id: string = this.newId(tab), text?: string): Promise<void> {
    const fact = text === undefined ? this.#noted(topic) : events.Noted({ topic, text, of: 1 })
    await this.#write(device, tab, { facts: [fact], rules: [], id }, (commitId) => tab.log.append([fact], { commitId }))
  }

  /** Asks a rule. */
  async ask(device: Device, tab: Tab, rule: RuleName, command: Command, id: string = this.newId(tab)): Promise<void> {
    if (tab.isOld) return
    await this.#write(device, tab, { facts: [], rules: [], asked: { rule, command }, id }, (commitId) =>
      tab.log.execute(deciders[rule], command, { commitId }),
    )
  }

  /** Takes back what is perhaps not confirmed yet. */
  async withdraw(device: Device, tab: Tab, commitId: string): Promise<void> {
    device.withdrawn.add(commitId)
    this.#scheduler.say(() => `${tab.name} withdraws ${commitId}`)
    const answer = await tab.log.withdraw({ commitId })
    this.#scheduler.say(() => `${tab.name} is answered ${commitId}: ${JSON.stringify(answer)}`)
    const how = answer.ok
      ? answer.sent
        ? 'withdrawn, perhaps sent'
        : 'withdrawn'
      : `not withdrawn: ${answer.reason.type}`
    this.#chaos.tally.count(how)
    if (answer.ok) device.takenBack.add(commitId)
    if (answer.ok && !answer.sent) device.unsent.add(commitId)
  }

  async #note(device: Device, tab: Tab): Promise<void> {
    await this.note(device, tab, this.#topic())
  }

  /** Several writes of one tick: they share a row. */
  async #burst(device: Device, tab: Tab): Promise<void> {
    const count = this.#dice.between(2, 4)
    await Promise.all(
      Array.from({ length: count }, () =>
        this.#dice.chance(0.5) ? this.#note(device, tab) : this.#claim(device, tab),
      ),
    )
  }

  async #atVersion(device: Device, tab: Tab): Promise<void> {
    const topic = this.#topic()
    const stream = `topic-${topic}`
    const { log } = tab
    const withMarker = this.#dice.chance(0.5)
    const { events: read, head: after } = await log.read({ stream }).all()
    await this.#think(tab)
    const version = read.length
    const of = this.#dice.between(1, 2)
    const facts = Array.from({ length: of }, () => this.#noted(topic, of))
    const rules: Rule[] = [{ kind: 'version', stream, version }]
    if (withMarker) rules.push({ kind: 'same', look: { stream }, ids: read.map(({ id }) => id) })
    await this.#write(device, tab, { facts, rules }, (commitId) =>
      log.append(stream, facts, { commitId, expectedVersion: version, ...(withMarker ? { after } : {}) }),
    )
  }

  async #ifExists(device: Device, tab: Tab): Promise<void> {
    const topic = this.#topic()
    const stream = `topic-${topic}`
    const facts = [this.#noted(topic)]
    await this.#write(device, tab, { facts, rules: [{ kind: 'exists', stream }] }, (commitId) =>
      tab.log.append(facts, { commitId, expectedVersion: 'exists' }),
    )
  }

  /** Answers what was read, unless something more came. */
  async #ifUnread(device: Device, tab: Tab): Promise<void> {
    const topic = this.#topic()
    const query = { tags: { topic } } as const
    const look: Look = { tags: [`topic:${topic}`] }
    const { events: read, head: after } = await tab.log.read({ query }).all()
    this.#seen.push({ family: device.family, topic, ids: read.map(({ id }) => id), after })
    await this.#think(tab)
    const facts = [this.#noted(this.#dice.chance(0.5) ? topic : this.#topic())]
    const rules: Rule[] = [{ kind: 'same', look, ids: read.map(({ id }) => id) }]
    await this.#write(device, tab, { facts, rules }, (commitId) =>
      tab.log.append(facts, { commitId, failIfEventsMatch: query, after }),
    )
  }

  /** Another device's marker says nothing here. */
  async #withStrangersMarker(device: Device, tab: Tab): Promise<void> {
    const seen = this.#seen.filter(({ family }) => family !== device.family)
    if (seen.length === 0) return
    const { topic, ids, after } = this.#dice.pick(seen)
    const facts = [this.#noted(topic)]
    const rules: Rule[] = [{ kind: 'same', look: { tags: [`topic:${topic}`] }, ids }]
    await this.#write(device, tab, { facts, rules }, (commitId) =>
      tab.log.append(facts, { commitId, failIfEventsMatch: { tags: { topic } }, after }),
    )
  }

  /** Takes a seat that nobody has ever taken. */
  async #claim(device: Device, tab: Tab): Promise<void> {
    const seat = `c${this.#dice.below(12)}`
    const isNoted = this.#dice.chance(0.3)
    const of = isNoted ? 2 : 1
    const facts = [
      events.Booked({ seat, by: `${device.name} ${++this.#count}`, of }),
      ...(isNoted ? [this.#noted(this.#topic(), of)] : []),
    ]
    const look: Look = { types: ['Booked'], tags: [`seat:${seat}`] }
    await this.#write(device, tab, { facts, rules: [{ kind: 'none', look }] }, (commitId) =>
      tab.log.append(facts, { commitId, failIfEventsMatch: { types: ['Booked'], tags: { seat } } }),
    )
  }

  async #severalStreams(device: Device, tab: Tab): Promise<void> {
    const { log } = tab
    const heads = await Promise.all(['t0', 't1'].map((topic) => log.streamHead(`topic-${topic}`)))
    const versions = heads.map((head) => head?.version ?? 0)
    const isChecked = this.#dice.chance(0.7)
    const writes = versions.map((version, nth) => ({
      stream: `topic-t${nth}`,
      events: [this.#noted(`t${nth}`, 2)],
      ...(isChecked || nth === 0 ? { expectedVersion: version } : {}),
    }))
    const rules = writes.flatMap(({ stream, expectedVersion: version }): Rule[] =>
      version === undefined ? [] : [{ kind: 'version', stream, version }],
    )
    const facts = writes.flatMap((write) => write.events)
    await this.#write(device, tab, { facts, rules }, (commitId) => log.append(writes, { commitId }))
  }

  /** The same id again: with the same content, with other content, or from two devices at once. */
  async #again(device: Device, tab: Tab): Promise<void> {
    this.#chaos.tally.count('repeated ids')
    const id = `order-${this.#dice.below(4)}`
    const before = this.sent.find((sent) => sent.id === id && sent.device === device.name)
    const topic = this.#topic()
    const { events: read, head: after } = await tab.log.read({ query: { tags: { topic } } }).all()
    await this.#think(tab)
    const fact = this.#noted(topic)
    const known = before?.facts[0]?.data as AnyFact['data'] | undefined
    const again = known !== undefined && this.#dice.chance(0.7) ? ({ ...fact, data: known } as AnyFact) : fact
    const isChecked = again === fact && this.#dice.chance(0.5)
    const rules: Rule[] = isChecked
      ? [{ kind: 'same', look: { tags: [`topic:${topic}`] }, ids: read.map((one) => one.id) }]
      : []
    await this.#write(device, tab, { facts: [again], rules, id }, (commitId) =>
      isChecked
        ? tab.log.append([again], { commitId, failIfEventsMatch: { tags: { topic } }, after })
        : tab.log.append([again], { commitId }),
    )
  }

  async #forbidden(device: Device, tab: Tab): Promise<void> {
    await this.note(device, tab, this.#topic(), this.newId(tab), forbiddenText)
  }

  /** Writes what is forbidden, and something else under the same id before the answer can be there. */
  async #correct(device: Device, tab: Tab): Promise<void> {
    const id = this.newId(tab)
    await this.note(device, tab, this.#topic(), id, forbiddenText)
    await this.#think(tab)
    await this.withdraw(device, tab, id)
    await this.note(device, tab, this.#topic(), id)
  }

  /** Books two seats, thinks, gives back the first, and others count on what is free then. */
  async #changeMind(device: Device, tab: Tab): Promise<void> {
    const [seat, other] = [`m${++this.#count}`, `m${++this.#count}`]
    const [first, second] = [this.newId(tab), this.newId(tab)]
    const isAlone = this.#dice.chance(0.3)
    await Promise.all([
      this.ask(device, tab, 'book', { by: 'ann', seat, other }, first),
      ...(isAlone ? [] : [this.ask(device, tab, 'book-either', { by: 'bob', seat, other }, second)]),
      ...(isAlone || this.#dice.chance(0.3) ? [this.ask(device, tab, 'release', { by: 'ann', seat, other })] : []),
    ])
    await this.#think(tab)
    await this.withdraw(device, tab, first)
    await this.ask(device, tab, 'book', { by: 'cem', seat: other, other: seat })
    if (this.#dice.chance(0.3)) await this.ask(device, tab, 'release', { by: 'dan', seat, other })
  }

  async #discard(device: Device, tab: Tab): Promise<void> {
    const letters = await tab.log.deadLetters.list()
    if (letters.length === 0) return
    const { commitId } = this.#dice.pick(letters)
    device.discarded.add(commitId)
    this.#scheduler.say(() => `${tab.name} discards ${commitId}`)
    if (await tab.log.deadLetters.discard(commitId)) this.#chaos.tally.count('discarded dead letters')
  }

  async #execute(device: Device, tab: Tab): Promise<void> {
    const rule = this.#dice.pick(Object.keys(rules) as RuleName[])
    const places = rule === 'tell' || rule === 'echo' ? ['t0', 't1', 't2'] : ['s0', 's1', 's2']
    const by = this.#dice.pick(['ann', 'bob', 'cem'])
    await this.ask(device, tab, rule, { by, seat: this.#dice.pick(places), other: this.#dice.pick(places) })
  }

  async #withdrawSome(device: Device, tab: Tab): Promise<void> {
    const own = this.sent.filter(({ id }) => device.acknowledged.has(id))
    const commitId = own.at(-1 - this.#dice.skewed(0, 5))?.id
    if (commitId !== undefined) await this.withdraw(device, tab, commitId)
  }

  /** Tries a dead letter again. */
  async #retry(_device: Device, tab: Tab): Promise<void> {
    const letters = tab.isOld ? [] : await tab.log.deadLetters.list()
    if (letters.length === 0) return
    const { commitId } = this.#dice.pick(letters)
    this.#scheduler.say(() => `${tab.name} retries ${commitId}`)
    try {
      const outcome = await tab.log.deadLetters.retry(commitId)
      this.#chaos.tally.count(outcome.ok ? 'retried dead letters' : `not retried: ${outcome.reason.type}`)
    } catch (error) {
      // An append under a condition can't be tried again, nor a letter that another tab has dealt with.
      if (!/^tidelog\/(decider|argument)$/.test(codeOf(error))) throw error
      this.#chaos.tally.count('not retried: misuse')
    }
  }

  /** Between looking and writing others are faster. */
  #think(tab: Tab): Promise<void> {
    return new Promise((resolve) => tab.page.post(this.#dice.skewed(0, 5_000), resolve))
  }

  async #write(
    device: Device,
    tab: Tab,
    what: {
      readonly facts: readonly AnyFact[]
      readonly rules: readonly Rule[]
      readonly id?: string
      readonly asked?: Asked
    },
    write: Write,
  ): Promise<void> {
    const { facts, rules, asked, id = this.newId(tab) } = what
    const isForbidden = facts.some(({ data }) => 'text' in data && data.text === forbiddenText)
    const sent: Sent = { id, device: device.name, facts: facts.map(toFact), rules, asked, isForbidden, answer: 'open' }
    this.sent.push(sent)
    this.#scheduler.say(() => `${tab.name} writes ${JSON.stringify(sent)}`)
    this.#expectAnswer(tab, sent)
    const { tally } = this.#chaos
    try {
      const outcome = await write(id)
      sent.answer = outcome.ok ? 'ok' : 'refused'
      this.#scheduler.say(() => `${tab.name} is answered ${id}: ${outcome.ok ? 'ok' : JSON.stringify(outcome.reason)}`)
      tally.count(outcome.ok ? 'acknowledged appends' : `refused: ${outcome.reason.type}`)
      if (!outcome.ok) return
      if (outcome.events.length === 0) {
        await this.#expectNothing(tab, outcome.receipt)
        return
      }
      device.acknowledged.add(id)
      this.#follow(device, tab.log, id)
    } catch (error) {
      sent.answer = 'failed'
      this.#failed(tab, error)
    }
  }

  /** A decision for nothing leaves nothing behind, and its receipt says so. */
  async #expectNothing(tab: Tab, receipt: Receipt<unknown>): Promise<void> {
    this.#chaos.tally.count('nothing to do at once')
    const { status } = await tab.log.whenConfirmed(receipt)
    if (status !== 'nothing-to-do') this.#scheduler.failures.push(`${tab.name}: ${receipt.commitId} ended as ${status}`)
  }

  #follow(device: Device, log: SimLog, id: string): void {
    if (!this.#dice.chance(0.3)) return
    log.whenConfirmed({ commitId: id }).then(
      (end) => {
        if (end.status === 'confirmed') device.promised.push({ id, position: end.position })
      },
      () => {},
    )
  }

  #expectAnswer(tab: Tab, sent: Sent): void {
    const { worker, freezes } = tab
    if (tab.isFrozen || worker === tab.page) return
    tab.page.post(answerMsMax, () => {
      const isDisturbed = tab.freezes !== freezes || tab.worker !== worker || worker.isDead || tab.isClosed
      if (sent.answer === 'open' && !isDisturbed)
        this.#scheduler.failures.push(`${tab.name}: ${sent.id} was not answered in ${answerMsMax} ms`)
    })
  }

  #failed(tab: Tab, error: unknown): void {
    const code = codeOf(error)
    this.#chaos.tally.count(`failed: ${code}`)
    if (code === 'tidelog/marker-expired') this.#chaos.tally.count('refused: MarkerExpired')
    if (!/^tidelog\/(worker-lost|storage-lost|log-closed|marker-expired)$/.test(code))
      this.#scheduler.failures.push(`${tab.name}: ${error instanceof Error ? error.stack : error}`)
  }
}

/** By its name: an error of the worker's opening crosses as it is. */
const codeOf = (error: unknown): string => (error instanceof Error ? error.name : '')

const toFact = ({ type, data }: AnyFact): Fact =>
  type === 'Noted'
    ? { type, stream: `topic-${data.topic}`, tags: [`topic:${data.topic}`], data }
    : { type, stream: `seat-${data.seat}`, tags: [`seat:${data.seat}`], data }
