import type { Chaos } from './chaos.ts'
import type { Device } from './device.ts'
import type { RuleName } from './rules.ts'
import type { Realm } from './scheduler.ts'
import type { Tab } from './tab.ts'
import type { Users } from './users.ts'

type Part = (device: Device, tab: Tab, id?: string) => Promise<void>
/** What one copy takes back, by places, and writes. */
export interface Side {
  readonly back: readonly number[]
  readonly more: readonly Part[]
}
interface Plot {
  readonly parts: readonly Part[]
  readonly sides: readonly [Side, Side]
}
export interface Begun {
  readonly ids: readonly string[]
  readonly sides: readonly (Side & { readonly uplinkMs: number })[]
}

const people = ['ann', 'bob', 'cem', 'dan'] as const

/** What many do at once, and what hangs together: each commit of a scene looks at what those before it wrote. */
export class Scenes {
  readonly #users: Users
  readonly #chaos: Chaos
  readonly #outside: Realm
  #count = 0
  #rushed = 0

  constructor(users: Users, chaos: Chaos, outside: Realm) {
    this.#users = users
    this.#chaos = chaos
    this.#outside = outside
  }

  /** Everybody wants the same thing in the same moment: at all tabs of one device, or at all devices. */
  rush(devices: readonly Device[]): void {
    const { dice, tally } = this.#chaos
    tally.count('rushes')
    const some = dice.chance(0.5) ? devices : [dice.pick(devices)]
    const rule: RuleName = dice.pick(['book', 'book', 'tell', 'book-either', 'release'])
    const seat = this.#rushedFor(rule)
    const other = rule === 'tell' ? seat : `${seat} too`
    for (const device of some)
      for (const [nth, tab] of device.alive.entries()) {
        const by = rule === 'release' ? 'ann' : `${people[nth % people.length]} at ${device.name}`
        this.#users.begin(device, tab, async () => {
          await this.#users.ask(device, tab, rule, { by, seat, other })
          if (rule === 'book') await this.#users.ask(device, tab, 'release', { by, seat, other })
        })
      }
  }

  #rushedFor(rule: RuleName): string {
    const { dice } = this.#chaos
    if (rule === 'tell') return `t${dice.below(3)}`
    if (rule === 'release' || dice.chance(0.3)) return `s${dice.below(3)}`
    // What was booked and given back has a past: whoever decides on it reads while others write.
    return this.#rushed > 0 && dice.chance(0.6) ? `r${dice.between(1, this.#rushed)}` : `r${++this.#rushed}`
  }

  /** Much is taken back, one after the other and at all tabs, while the queue that hangs on it is decided again. */
  peel(device: Device): void {
    const { dice, tally } = this.#chaos
    tally.count('peeled queues')
    const tab = device.alive[0] ?? device.open()
    if (device.alive.length < 2) device.open()
    const pairs = Array.from({ length: 6 }, () => [this.#users.newId(tab), this.#users.newId(tab)] as const)
    device.line.cut()
    for (const [first, second] of pairs) {
      const topic = `p${++this.#count}`
      this.#users.begin(device, tab, async () => {
        await this.#users.note(device, tab, topic, first)
        await this.#users.note(device, tab, topic, second)
        await this.#users.ask(device, tab, 'tell', { by: 'ann', seat: topic, other: `${topic} told` })
      })
    }
    this.#outside.post(5_000, () => {
      device.line.mend()
      for (const one of device.alive) one.page.post(1, () => one.log.sync.now())
      for (const [first, second] of pairs) {
        const ms = dice.below(1_000)
        this.#withdrawSoon(device, first, ms)
        this.#withdrawSoon(device, second, ms + dice.below(200))
      }
    })
  }

  #withdrawSoon(device: Device, id: string, ms: number): void {
    this.#outside.post(ms, () => {
      const tab = this.#chaos.dice.pick(device.alive.length > 0 ? device.alive : [device.open()])
      this.#users.begin(device, tab, () => this.#users.withdraw(device, tab, id))
    })
  }

  /** Commits that hang on each other, written at a tab; and how two copies of it may go on. */
  begin(device: Device, tab: Tab): Begun {
    const { dice } = this.#chaos
    const { parts, sides } = dice
      .pick([this.#twoNotes, this.#twoNotes, this.#twoStories, this.#givenBack, this.#mixed])
      .call(this)
    const ids = parts.map(() => this.#users.newId(tab))
    this.#users.begin(device, tab, async () => {
      for (const [at, part] of parts.entries()) await part(device, tab, ids[at])
    })
    // Which copy reaches the server first makes the difference: mostly the first one, before the other one has heard of it.
    const [early, late] = dice.chance(0.8) ? [0, 1_500] : [1_500, 0]
    const timed = [
      { ...sides[0], uplinkMs: early + dice.between(500, 1_500) },
      { ...sides[1], uplinkMs: late + dice.between(500, 1_500) },
    ]
    return { ids, sides: dice.chance(0.5) ? timed : timed.toReversed() }
  }

  /** Takes some of these commits back, and writes more that hangs on the rest. */
  goOn(device: Device, tab: Tab, ids: readonly string[], { back, more }: Side): void {
    this.#outside.post(this.#chaos.dice.skewed(0, 2_000), () =>
      this.#users.begin(device, tab, async () => {
        for (const at of back) {
          const id = ids[at]
          if (id !== undefined) await this.#users.withdraw(device, tab, id)
        }
        for (const part of more) await part(device, tab)
      }),
    )
  }

  /** One copy lacks the first of two notes, so the log may have them the other way round than the other copy tells. */
  #twoNotes(): Plot {
    const topic = `p${++this.#count}`
    const tell = this.#ask('tell', 'bob', topic, `${topic} told`)
    return {
      parts: [this.#note(topic), this.#note(topic)],
      sides: [
        { back: [0], more: [] },
        { back: [], more: [tell] },
      ],
    }
  }

  /** Two copies tell something else under one id, and repeat what they told. */
  #twoStories(): Plot {
    const topic = `p${++this.#count}`
    const told = `${topic} told`
    const echo = this.#ask('echo', 'cem', told, topic)
    return {
      parts: [this.#note(topic), this.#note(topic), this.#ask('tell', 'bob', topic, told)],
      sides: [
        { back: this.#chaos.dice.pick([[], [0]]), more: [echo] },
        { back: [0, 1], more: [echo] },
      ],
    }
  }

  /** One copy no longer gives back what a later command needs, and refuses it; the other one brings it to the server. */
  #givenBack(): Plot {
    const seat = `x${++this.#count}`
    return {
      parts: [
        this.#ask('book', 'ann', seat, seat),
        this.#ask('release', 'ann', seat, seat),
        this.#ask('book', 'bob', seat, seat),
      ],
      sides: [
        { back: [1], more: [] },
        { back: [], more: [] },
      ],
    }
  }

  #mixed(): Plot {
    const { dice } = this.#chaos
    const nth = ++this.#count
    const [seat, other] = [`x${nth}`, `y${nth}`]
    const [topic, told] = [`p${nth}`, `q${nth}`]
    const parts = [
      this.#ask('book', 'ann', seat, other),
      this.#ask('book-either', 'bob', seat, other),
      this.#ask('tell', 'bob', topic, told),
      this.#note(topic),
      this.#note(topic),
      this.#ask('tell', 'ann', topic, told),
      this.#ask('echo', 'ann', told, topic),
      this.#ask('release', 'ann', seat, other),
    ].filter(() => dice.chance(0.7))
    const more = [
      this.#ask('book', 'cem', other, seat),
      this.#ask('count', 'cem', other, seat),
      this.#ask('tell', 'dan', topic, told),
      this.#ask('echo', 'dan', told, topic),
      this.#note(topic),
    ]
    // Mostly the first ones go: then much hangs on what is taken back.
    const side = (): Side => ({
      back: dice.chance(0.3) ? [] : [...new Set([dice.skewed(0, parts.length), dice.below(parts.length)])],
      more: more.filter(() => dice.chance(0.5)),
    })
    return { parts, sides: [side(), side()] }
  }

  #ask(rule: RuleName, by: string, seat: string, other: string): Part {
    return (device, tab, id) => this.#users.ask(device, tab, rule, { by: `${by} at ${device.name}`, seat, other }, id)
  }
  #note(topic: string): Part {
    return (device, tab, id) => this.#users.note(device, tab, topic, id)
  }
}
