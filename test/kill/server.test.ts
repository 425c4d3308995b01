// The server is killed, again and again, while devices push to it. A kill ends a process, not the machine: it shows that
// an answer is never given before SQLite has committed, and that no commit is ever torn.
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addDevice, launchBrowser } from '../e2e/device.ts'
import { makeFolder } from '../e2e/folders.ts'
import { between, fraction, pass, seed } from './chance.ts'
import { type Counter, startCounter } from './counter.ts'
import { type Harbour, nothing, startHarbour } from './harbour.ts'
import { createPusher, type Pusher, type Run } from './pusher.ts'
import { writeResults } from './results.ts'
import { figuresOf, report, rounds } from './rounds.ts'
import { entriesOf, pull, readStored, type Stretch } from './server-log.ts'
import { type Comparison, compare, createTally, type Entry, nothingWrong, open, outOfOrder, wrongOf } from './tally.ts'

const folder = makeFolder()
/** What the bare devices and the page were told. */
const tally = createTally()
const written = createTally()
const errors: string[] = []
let counter: Counter
let harbour: Harbour
let browser: Browser
let page: Page
let pushers: readonly Pusher[]

/** Runs under way at a kill that were never answered, by what the server had made of them. */
const cutOff = { kept: 0, lost: 0, torn: 0 }
let killsInside = 0
let openedAgain = 0
/** What was wrong after a kill, before anything was pushed again. */
const wrongAfterKills: unknown[] = []
/** The log as it was pulled after each kill, stretch by stretch. */
let followed: Stretch = { commits: [], through: nothing }
let atEnd: { readonly pulled: Stretch; readonly stored: Stretch; readonly shown: readonly Entry[] }
let comparison: Comparison

beforeAll(async () => {
  counter = await startCounter(written, errors)
  harbour = await startHarbour(folder.path)
  const { server, file } = harbour
  pushers = ['tug', 'barge'].map((name) => createPusher(server.url, name, tally))
  browser = await launchBrowser()
  page = await (await addDevice(browser)).openTab(`${server.url}/?counter=${encodeURIComponent(counter.url)}`)
  await page.evaluate(() => globalThis.harbour.write('yacht', 1, 10))
  try {
    for (let round = 1; round <= rounds; round++) await killOnce()
    await settle()
  } finally {
    // What was acknowledged is compared with what there is also when something went wrong on the way.
    await follow().catch(() => {})
    const acknowledged = [...tally.acknowledged, ...written.acknowledged]
    comparison = compare(acknowledged, entriesOf(followed.commits))
    tell()
  }
  const pulled = await pull(server.url)
  atEnd = { pulled, stored: readStored(file), shown: await page.evaluate(() => globalThis.harbour.read()) }
}, 600_000)
afterAll(async () => {
  await browser?.close()
  await harbour?.server.kill()
  await counter?.close()
  folder.remove()
})

async function killOnce(): Promise<void> {
  const { server } = harbour
  await page.evaluate(() => globalThis.harbour.tryNow())
  const pushing = Promise.all(pushers.map(({ push }) => push()))
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  pushing.then(over, over)
  const enough = answered() + between(2, 12)
  while (answered() < enough && !isOver) await pass(1)
  if (isOver) throw new Error(`a server that nobody killed gave no answer: ${await pushing}`)
  await pass(10 * fraction())
  const underWay = pushers.map((pusher) => pusher.underWay())
  await server.kill()
  await pushing
  const unanswered = underWay.filter((run) => run !== undefined && !run.isAnswered) as Run[]
  if (unanswered.length > 0) killsInside++
  await server.startAgain()
  await follow()
  openedAgain++
  const wrong = wrongOf(compare(tally.acknowledged, entriesOf(followed.commits)))
  if (Object.values(wrong).some((names) => names.length > 0)) wrongAfterKills.push(wrong)
  const there = new Set(followed.commits.map(({ id }) => id))
  for (const { request } of unanswered) {
    const kept = request.commits.filter(({ id }) => there.has(id)).length
    cutOff[kept === 0 ? 'lost' : kept === request.commits.length ? 'kept' : 'torn']++
  }
}
const again = (what: keyof Pusher['again']): number => pushers.reduce((sum, pusher) => sum + pusher.again[what], 0)
const answered = (): number => pushers.reduce((sum, pusher) => sum + pusher.answered(), 0)

/** Pulls what came since the last time, with the digest of then: what was once shown must still be there. */
async function follow(): Promise<void> {
  const { commits, through } = await pull(harbour.server.url, followed.through)
  followed = { commits: [...followed.commits, ...commits], through }
}

/** Lets everybody push what has no answer yet. */
async function settle(): Promise<void> {
  await Promise.all(pushers.map(({ push }) => push(() => false)))
  await page.evaluate(() => {
    globalThis.harbour.stop()
    globalThis.harbour.tryNow()
    return globalThis.harbour.synced()
  })
  await follow()
}

function tell(): void {
  const { missing, half, doubled } = figuresOf(comparison)
  const acknowledged = tally.acknowledged.size + written.acknowledged.size
  writeResults('kill-server', [
    {
      kind: 'kill',
      ...{ fault: 'SIGKILL of the server', activity: 'push', engine: `Node ${process.versions.node}, SQLite` },
      ...{ durability: 'file', rounds, inside: killsInside, acknowledged, lost: missing!, halfCommits: half! },
      openedAgain,
    },
  ])
  report(`server killed while devices push, seed ${seed}`, {
    kills: rounds,
    'kills while a push was under way': killsInside,
    'runs without an answer, kept': cutOff.kept,
    'runs without an answer, lost whole': cutOff.lost,
    'runs without an answer, torn': cutOff.torn,
    'commits acknowledged by verdict': tally.acknowledged.size,
    'commits acknowledged by the page': written.acknowledged.size,
    'commits pushed again, known': again('known'),
    'commits pushed again, accepted now': again('accepted'),
    'commits answered, pushed again and accepted': again('acceptedAfterAll'),
    'kills after which something was wrong': wrongAfterKills.length,
    'commits found': comparison.whole.size,
    'commits acknowledged and missing': missing!,
    'commits torn': half!,
    'commits doubled': doubled!,
  })
}

describe('a server that is killed while devices push', () => {
  test('is mostly hit while a push has no answer', () => {
    expect(killsInside).toBeGreaterThanOrEqual(rounds / 2)
  })
  test('keeps every commit that it acknowledged, whole and once', () => {
    expect(open(tally)).toEqual([])
    expect(wrongAfterKills).toEqual([])
    expect(wrongOf(comparison)).toEqual(nothingWrong)
  })
  test('keeps a run whole or not at all', () => {
    expect(cutOff.torn).toBe(0)
  })
  test('knows a run that is pushed again, and adds nothing', () => {
    expect(again('known')).toBeGreaterThan(0)
    expect(again('acceptedAfterAll')).toBe(0)
    const ids = atEnd.pulled.commits.map(({ id }) => id)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
  })
  test('goes on behind what it had shown before', () => {
    expect(atEnd.pulled).toEqual(followed)
    expect(atEnd.pulled.commits.length).toBeGreaterThan(0)
  })
  test('answers what its file holds', () => {
    expect(atEnd.stored).toEqual(atEnd.pulled)
  })
  test('ends with the same log as a page that wrote all the time', () => {
    expect(errors).toEqual([])
    expect(written.acknowledged.size).toBeGreaterThan(0)
    expect(atEnd.shown).toEqual(entriesOf(atEnd.pulled.commits))
    expect(outOfOrder(atEnd.shown)).toEqual([])
  })
})
