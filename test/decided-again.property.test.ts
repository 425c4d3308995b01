// Random programs of booking seats on devices that are offline now and then, against an oracle.

import fc from 'fast-check'
import { simulate } from 'tidelog/testing'
import { expect, test } from 'vitest'
import { Gate } from './gate.ts'
import { repeated } from './runs.ts'
import { type Command, type Happened, holdersAfter, judge, type Verdict } from './seats.oracle.ts'
import { book, bookAny, ensureHeld, release, seating, tell } from './seats.ts'

type Step =
  | {
      readonly do: 'execute'
      readonly device: number
      readonly tabs: readonly number[]
      readonly commands: readonly Command[]
    }
  | { readonly do: 'withdraw'; readonly device: number; readonly nth: number }
  | { readonly do: 'offline' | 'online'; readonly device: number }
  | { readonly do: 'pass'; readonly timers: number }
  | { readonly do: 'gate'; readonly state: Gate['state'] }
  | { readonly do: 'deliver' | 'settle' }

const seat = fc.constantFrom('1', '2', '3')
const by = fc.constantFrom('ann', 'bob')
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constantFrom('book', 'release', 'ensure-held'), seat, by }),
  fc.record({ kind: fc.constantFrom('book-any', 'tell', 'book-any'), by }),
)
const steps = (devices: number, extra: readonly Step['do'][]): fc.Arbitrary<readonly Step[]> => {
  const device = fc.nat(devices - 1)
  const always: fc.WeightedArbitrary<Step>[] = [
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('execute' as const),
        device,
        tabs: fc.array(fc.nat(1), { minLength: 3, maxLength: 3 }),
        commands: fc.oneof(fc.tuple(command), fc.array(command, { minLength: 2, maxLength: 3 })),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('offline', 'online'), device }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), timers: fc.integer({ min: 1, max: 12 }) }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'settle' }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('gate' as const),
        state: fc.constantFrom('open', 'shut', 'deaf', 'hold'),
      }),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'deliver' }) },
  ]
  const withdraw = fc.record({ do: fc.constant('withdraw' as const), device, nth: fc.nat(20) })
  const all = extra.includes('withdraw') ? [...always, { weight: 2, arbitrary: withdraw }] : always
  return fc.array(fc.oneof(...all), { minLength: 3, maxLength: 30 })
}

interface Executed {
  readonly command: Command
  readonly device: number
  readonly commitId: string
  readonly ids: readonly string[]
  isWithdrawn: boolean
}

/** Runs a program on the real thing, and keeps what it was told. */
class Run {
  readonly gate = new Gate()
  readonly world
  readonly executed: Executed[] = []
  readonly #tabs
  readonly #isOffline: boolean[] = []

  constructor(devices: number, seed: number) {
    this.world = simulate(seating, { devices, seed, serve: this.gate.serve })
    this.#tabs = this.world.devices.map((device) => [device.log, device.openTab()] as const)
  }

  device(nth: number) {
    const device = this.world.devices[nth]
    if (device === undefined) throw new Error(`no device ${nth}`)
    return device
  }
  async happenedOn(nth: number) {
    return (await this.device(nth).log.read().all()).events
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'execute':
        return this.#execute(step)
      case 'withdraw': {
        const own = this.executed.filter(({ device }) => device === step.device)
        const one = own[step.nth % Math.max(1, own.length)]
        if (one !== undefined && (await this.device(step.device).log.withdraw(one)).ok) one.isWithdrawn = true
        return
      }
      case 'offline':
      case 'online':
        this.#isOffline[step.device] = step.do === 'offline'
        return this.device(step.device)[step.do]()
      case 'pass':
        for (let nth = 0; nth < step.timers; nth++) {
          for (let turns = 0; turns < 4; turns++) await new Promise(setImmediate)
          this.world.clock.step()
        }
        return
      case 'gate':
        this.gate.state = step.state
        return
      case 'deliver':
        return this.gate.deliver()
      case 'settle':
        this.gate.state = 'open'
        return this.world.settle()
    }
  }

  async #execute({ device, tabs, commands }: Extract<Step, { do: 'execute' }>): Promise<void> {
    const isAlone = commands.length === 1 && this.#isOffline[device] === true && tabs[0] === 0
    const expected = isAlone && commands[0] ? await this.#expected(device, commands[0]) : undefined
    const outcomes = await Promise.all(
      commands.map((one, at) => {
        const log = this.#tabs[device]?.[tabs[at] === 1 ? 1 : 0] ?? this.device(device).log
        switch (one.kind) {
          case 'book':
            return log.execute(book, one)
          case 'release':
            return log.execute(release, one)
          case 'ensure-held':
            return log.execute(ensureHeld, one)
          case 'book-any':
            return log.execute(bookAny, one)
          case 'tell':
            return log.execute(tell, one)
        }
      }),
    )
    for (const [at, outcome] of outcomes.entries()) {
      const one = commands[at]
      if (one === undefined || !outcome.ok || outcome.events.length === 0) continue
      const { receipt, events } = outcome
      const ids = events.map(({ id }) => id)
      this.executed.push({ command: one, device, commitId: receipt.commitId, ids, isWithdrawn: false })
    }
    if (expected === undefined) return
    const [outcome] = outcomes
    if (outcome?.ok) expect({ yes: plain(outcome.events) }).toEqual(expected)
    else expect({ no: reasonOf(outcome?.reason) }).toEqual(expected)
  }

  /** While a device is offline nothing moves but what it does itself. */
  async #expected(device: number, one: Command): Promise<Verdict | undefined> {
    const happened = await this.happenedOn(device)
    try {
      return judge(one, happened)
    } catch {
      // What came in last has not been reconciled with what is pending: the oracle has no opinion of that.
      return undefined
    }
  }

  async end(): Promise<void> {
    await this.gate.deliver()
    this.gate.state = 'open'
    for (const [nth] of this.world.devices.entries()) this.device(nth).online()
    await this.world.settle()
  }
}

const plain = (events: readonly Happened[]): readonly Happened[] => events.map(({ type, data }) => ({ type, data }))
const reasonOf = (reason: { readonly type: string; readonly data?: unknown } | undefined): string => {
  const taken = reason?.type === 'SeatTaken' ? ` ${(reason.data as { by: string }).by}` : ''
  return `${reason?.type}${taken}`
}

/** The commits of a log in their order. */
function commitsOf<E extends Happened & { readonly commitId: string; readonly id: string }>(all: readonly E[]) {
  const commits = new Map<string, E[]>()
  for (const event of all) commits.set(event.commitId, [...(commits.get(event.commitId) ?? []), event])
  return commits
}

/** Every commit in the log is what its command comes to where it stands, and keeps its content if it could. */
function mustBeDecidedWhereItStands(run: Run, log: Awaited<ReturnType<Run['happenedOn']>>): void {
  const before: Happened[] = []
  for (const [commitId, events] of commitsOf(log)) {
    const one = run.executed.find((executed) => executed.commitId === commitId)
    if (one === undefined) throw new Error(`nobody executed ${commitId}`)
    expect({ yes: plain(events) }).toEqual(judge(one.command, before))
    const isFixed = one.command.kind !== 'book-any' && one.command.kind !== 'tell'
    if (isFixed) expect(events.map(({ id }) => id)).toEqual(one.ids)
    before.push(...plain(events))
  }
  holdersAfter(before)
}

/** Every command ended once: in the log, as one letter with its reason, taken back, or with nothing to do. */
async function mustHaveEndedOnce(run: Run, inLog: ReadonlySet<string>): Promise<void> {
  const letters = await Promise.all(run.world.devices.map((device) => device.log.deadLetters.list()))
  for (const { command: asked, device, commitId, isWithdrawn } of run.executed) {
    const own = letters[device]?.filter((letter) => letter.commitId === commitId) ?? []
    const { status } = await run.device(device).log.whenConfirmed({ commitId })
    const [letter] = own
    if (inLog.has(commitId)) {
      expect(status).toBe('confirmed')
      expect(own.map(({ reason }) => reason.type)).toEqual(isWithdrawn ? ['Confirmed'] : [])
    } else if (letter !== undefined) {
      expect([status, own.length, isWithdrawn]).toEqual(['refused', 1, false])
      expect([letter.decider, letter.command]).toEqual([asked.kind, asked])
      expect(reasonOf(letter.reason)).toMatch(/^(SeatTaken (ann|bob)|NotYours|SoldOut)$/)
    } else if (isWithdrawn) expect(status).toBe('withdrawn')
    else expect([status, asked.kind]).toEqual(['nothing-to-do', 'ensure-held'])
  }
  const known = new Set(run.executed.map(({ commitId }) => commitId))
  expect(letters.flat().filter(({ commitId }) => !known.has(commitId))).toEqual([])
}

const seed = fc.nat(1_000_000)
const offline = repeated(40, 120_000)
const alone = repeated(20, 120_000)

test('whatever happens offline: no seat is booked twice, every command ends once, all devices agree', {
  timeout: offline.timeout,
}, async () => {
  const program = fc
    .integer({ min: 2, max: 3 })
    .chain((devices) => fc.record({ devices: fc.constant(devices), steps: steps(devices, ['withdraw']), seed }))
  await fc.assert(
    fc.asyncProperty(program, async ({ devices, steps: all, seed }) => {
      const run = new Run(devices, seed)
      try {
        for (const step of all) await run.step(step)
        await run.end()
        const log = await run.happenedOn(0)
        for (const [nth] of run.world.devices.entries()) expect(await run.happenedOn(nth)).toEqual(log)
        expect(log.map(({ position }) => position)).toEqual(log.map((_, at) => at + 1))
        mustBeDecidedWhereItStands(run, log)
        await mustHaveEndedOnce(run, new Set(log.map(({ commitId }) => commitId)))
      } finally {
        await run.world.close()
      }
    }),
    { numRuns: offline.numRuns },
  )
})

test('a device that nobody is in the way of loses nothing and keeps every content', {
  timeout: alone.timeout,
}, async () => {
  await fc.assert(
    fc.asyncProperty(steps(1, []), seed, async (all, seed) => {
      const run = new Run(1, seed)
      try {
        for (const step of all) await run.step(step)
        await run.end()
        const commits = commitsOf(await run.happenedOn(0))
        const ids = [...commits].map(([commitId, events]) => [commitId, events.map(({ id }) => id)])
        expect(new Map(ids as [string, string[]][])).toEqual(
          new Map(run.executed.map((one) => [one.commitId, one.ids])),
        )
        expect(await run.device(0).log.deadLetters.list()).toEqual([])
      } finally {
        await run.world.close()
      }
    }),
    { numRuns: alone.numRuns },
  )
})
