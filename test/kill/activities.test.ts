// Whatever a log is doing is cut off: the browser is killed, the page crashes, or its worker is terminated. The kill lies in wait
// for a transaction or a request of what is being done, so that most of them meet one that is open.
import { join } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeFolder } from '../e2e/folders.ts'
import { type Activity, activities, makeFiles } from './activities.ts'
import { type KillableBrowser, startBrowser } from './browser.ts'
import { between, fraction, pass, pick, seed } from './chance.ts'
import { type Harbour, nothing, startHarbour } from './harbour.ts'
import { leaveOld, missingOld } from './old-database.ts'
import { createPusher, type Pusher } from './pusher.ts'
import { type KillResult, writeResults } from './results.ts'
import { activityRounds, report } from './rounds.ts'
import { entriesOf, pull } from './server-log.ts'
import { compare, createTally, type Entry, outOfOrder, type Tally, wrongOf } from './tally.ts'
import { type Hit, startWatchman, type Watchman } from './watchman.ts'

const faults = ['SIGKILL of the browser', 'crash of the page', 'worker.terminate()'] as const
const durabilities = ['relaxed', 'strict'] as const
/** What has not come by then will not. */
const hitMsMax = 20_000

interface Cell extends Omit<KillResult, 'kind' | 'engine'> {
  rounds: number
  inside: number
  acknowledged: number
  lost: number
  halfCommits: number
  openedAgain: number
}
interface Round {
  readonly nth: number
  readonly activity: Activity
  readonly fault: (typeof faults)[number]
  readonly durability: (typeof durabilities)[number]
  readonly key: string
  readonly tally: Tally
  /** Commits that were acknowledged before. */
  readonly known: number
}

const folder = makeFolder()
const cells = new Map<string, Cell>()
const tallies = new Map<string, Tally>()
const foreign = createTally()
const wrong: unknown[] = []
let current: Pick<Round, 'nth' | 'tally'> = { nth: 0, tally: createTally() }
let version = 1
let missed = 0
let watchman: Watchman
let harbour: Harbour
let other: Pusher
let browser: KillableBrowser
let engine = ''
let page: Page
let shownAtEnd: readonly (readonly Entry[])[] = []
let atServer: readonly Entry[] = []

beforeAll(
  async () => {
    watchman = await startWatchman(() => current)
    harbour = await startHarbour(folder.path, 'yard')
    other = createPusher(harbour.server.url, 'tug', foreign, { sizes: [10, 100, 2_000] })
    await start()
    try {
      for (let nth = 0; nth < activityRounds; nth++) await live(toRound(nth))
      await compareWithServer()
    } finally {
      tell()
    }
  },
  120_000 + activityRounds * 20_000,
)
afterAll(async () => {
  await browser?.kill()
  await harbour?.server.kill()
  await watchman?.close()
  folder.remove()
})

async function start(): Promise<void> {
  browser = await startBrowser(join(folder.path, 'profile'), 'about:blank')
  engine = browser.version
}

function toRound(nth: number): Round {
  const activity = activities[nth % activities.length]!
  const fault = faults[Math.floor(nth / activities.length) % faults.length]!
  const durability = durabilities[Math.floor(nth / activities.length / faults.length) % durabilities.length]!
  // Every old database is opened for the first time, and a log has a first server once.
  const isFirst = activity.name === 'old format' || activity.doing === 'attach'
  const key = `${activity.name} ${durability}${isFirst ? ` ${nth}` : ''}`
  const tally = tallies.get(key) ?? createTally()
  tallies.set(key, tally)
  return { nth, activity, fault, durability, key, tally, known: tally.acknowledged.size }
}

const serverLogOf = ({ activity: { sync, goesOn }, nth }: Round): string | undefined =>
  goesOn ? `${sync}-${nth}` : sync

async function open(round: Round, isAlone = false): Promise<void> {
  const { activity, durability, key, nth } = round
  const sync = serverLogOf(round)
  const query = new URLSearchParams({
    ...{ watchman: watchman.url, key, durability, seed: `${seed + nth}`, round: `${nth}` },
    ...(sync !== undefined && !isAlone ? { sync } : {}),
    ...(activity.isPacking ? { packing: '' } : {}),
  })
  page = await browser.renew(`${harbour.server.url}/?${query}`)
  await page.evaluate(() => globalThis.yard.ready())
}

async function prepare(round: Round): Promise<void> {
  const { activity, nth } = round
  current = round
  watchman.pulled = 0
  if (activity.name === 'old format')
    await leaveOld(await browser.renew(`${harbour.server.url}/favicon.ico`), round.key)
  if (activity.doing === 'attach') {
    await open(round, true)
    await page.evaluate((name) => globalThis.yard.settle(name), `alone-${nth}`)
  }
  await open(round)
  // Behind an acknowledged append the log is past what each start writes first: decision 014 says what a kill in that can cost.
  const settled = activity.doing === 'rebuild' || activity.goesOn ? 12 : 1
  if (activity.name !== 'old format')
    for (let at = 0; at < settled; at++)
      await page.evaluate((name) => globalThis.yard.settle(name), `settled-${nth}-${at}`)
  if (activity.doing === 'import') watchman.files = await makeFiles(`import-${nth}`)
  if (activity.doing === 'pull') await other.catchUp()
}

async function live(round: Round): Promise<void> {
  const { activity, fault, nth } = round
  await prepare(round)
  const crashed = new Promise<unknown>((resolve) => page.once('crash', resolve))
  const session = await page.context().newCDPSession(page)
  let killed: Promise<unknown> = Promise.resolve()
  const kill = (): void => {
    if (fault === 'SIGKILL of the browser') killed = browser.kill()
    else if (fault === 'crash of the page') killed = crashed
    else killed = page.evaluate(() => globalThis.yard.terminate())
    if (fault === 'crash of the page') session.send('Page.crash').catch(() => {})
  }
  const phase = pick('open', 'open', 'committing', 'committing', 'after')
  const trap = {
    label: activity.label,
    nth: between(1, activity.nthMax),
    phase,
    delayMs: 4 * fraction(),
    kill,
  } as const
  const hit = watchman.lay(trap)
  let goesOn = true
  const begun = page.evaluate(([doing, name, version]) => globalThis.yard.begin(doing, name, version), [
    activity.doing,
    `${activity.doing}-${nth}`,
    ++version,
  ] as const)
  begun.catch(() => {})
  const pushing = activity.doing === 'pull' ? other.push(() => goesOn) : undefined
  const met = await Promise.race([hit, pass(hitMsMax).then((): Hit => ({ label: 'nothing', isInside: false }))])
  if (met.label === 'nothing') {
    missed++
    watchman.callOff()
    kill()
  }
  await killed
  goesOn = false
  await pushing
  await look(round, met)
}

/** Opens it again, and compares. */
async function look(round: Round, { isInside }: Hit): Promise<void> {
  const { activity, fault, durability, tally, nth } = round
  const name = [fault, activity.name, durability].join()
  const cell = cells.get(name) ?? { fault, activity: activity.name, durability, ...nothingYet }
  cells.set(name, cell)
  const before = new Set(tally.acknowledged)
  const pulled = watchman.pulled
  if (fault === 'SIGKILL of the browser') await start()
  // A page whose worker was terminated goes on by itself.
  if (fault === 'worker.terminate()') await page.evaluate(() => globalThis.yard.stop())
  else await open(round, !activity.goesOn)
  if (activity.goesOn) await page.evaluate(() => globalThis.yard.goOn())
  const shown = await page.evaluate(() => globalThis.yard.read())
  cell.rounds++
  cell.openedAgain++
  if (isInside) cell.inside++
  const comparison = compare(before, shown)
  const behind = Math.max(0, pulled - (await page.evaluate(() => globalThis.yard.confirmed())))
  const lost =
    comparison.missing.length +
    behind +
    (activity.name === 'old format' ? missingOld(await page.evaluate(() => globalThis.yard.readAny())) : 0)
  cell.acknowledged += tally.acknowledged.size - round.known + pulled
  cell.lost += lost
  cell.halfCommits += comparison.half.length
  const isWrong = lost + comparison.half.length + comparison.doubled.length > 0
  if (isWrong) wrong.push({ nth, name, behind, ...wrongOf(comparison) })
  if (activity.doing === 'rebuild') await compareRows(round, shown)
  if (activity.goesOn) await compareWithNew(round, shown)
}
const nothingYet = { rounds: 0, inside: 0, acknowledged: 0, lost: 0, halfCommits: 0, openedAgain: 0 }

/** The rows of the version that was being built are those of the log. */
async function compareRows({ nth }: Round, shown: readonly Entry[]): Promise<void> {
  const rows = await page.evaluate((of) => globalThis.yard.rows(of), version)
  const counts: Record<string, number> = {}
  for (const { stream, part } of shown) counts[`${stream}-${part}`] = (counts[`${stream}-${part}`] ?? 0) + 1
  const isSame = JSON.stringify(Object.entries(rows).sort()) === JSON.stringify(Object.entries(counts).sort())
  if (!isSame) wrong.push({ nth, rows, counts })
}

/** The new server has what is here, in the same order. */
async function compareWithNew(round: Round, shown: readonly Entry[]): Promise<void> {
  const { commits } = await pull(harbour.server.url, nothing, serverLogOf(round))
  const there = entriesOf(commits)
  if (JSON.stringify(there) !== JSON.stringify(shown))
    wrong.push({
      nth: round.nth,
      key: round.key,
      there: there.length,
      here: shown.length,
      unordered: outOfOrder(shown),
    })
}

/** What follows the server ends with the same log as it. */
async function compareWithServer(): Promise<void> {
  const synced = activities.find(({ doing }) => doing === 'pull')!
  const shown: (readonly Entry[])[] = []
  for (const durability of durabilities) {
    const key = `${synced.name} ${durability}`
    if (!tallies.has(key)) continue
    await open({ nth: 0, activity: synced, fault: faults[0], durability, key, tally: createTally(), known: 0 })
    await page.evaluate(() => globalThis.yard.synced())
    shown.push(await page.evaluate(() => globalThis.yard.read()))
  }
  atServer = entriesOf((await pull(harbour.server.url)).commits)
  shownAtEnd = shown
}

function tell(): void {
  const results = [...cells.values()].map((cell): KillResult => ({ kind: 'kill', engine, ...cell }))
  writeResults('kill-activities', results)
  const sum = (of: keyof typeof nothingYet, name: string): number =>
    results.filter((one) => `${one.fault}, ${one.durability}` === name).reduce((all, one) => all + one[of], 0)
  for (const fault of faults)
    for (const durability of durabilities) {
      const name = `${fault}, ${durability}`
      report(name, {
        rounds: sum('rounds', name),
        'that met an open transaction or request': sum('inside', name),
        'commits acknowledged': sum('acknowledged', name),
        'commits acknowledged and missing': sum('lost', name),
        'commits torn': sum('halfCommits', name),
        'opened again': sum('openedAgain', name),
      })
    }
  process.stdout.write(`\nseed ${seed}; rounds in which nothing came that a kill lay in wait for: ${missed}\n`)
}

describe('whatever a log does, when it is cut off', () => {
  const all = (of: keyof typeof nothingYet): number => [...cells.values()].reduce((sum, cell) => sum + cell[of], 0)

  test('is mostly hit inside a transaction or a request', () => {
    expect(watchman.errors).toEqual([])
    expect(all('inside')).toBeGreaterThanOrEqual(activityRounds / 2)
  })
  test('has every acknowledged commit when it is opened again, whole and once, and rows that equal the log', () => {
    expect(wrong).toEqual([])
    expect(all('acknowledged')).toBeGreaterThan(activityRounds)
  })
  test('opens again by itself', () => {
    expect(all('openedAgain')).toBe(activityRounds)
  })
  test('ends with the log of the server where it follows one', () => {
    for (const shown of shownAtEnd) {
      expect(shown).toEqual(atServer)
      expect(outOfOrder(shown)).toEqual([])
    }
  })
})
