// The browser is killed, again and again, while its page appends. A kill ends processes, not the machine: it shows that
// an append is acknowledged only when its transaction has completed, and that what is on disk opens again, whole.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeFolder } from '../e2e/folders.ts'
import { type KillableBrowser, startBrowser } from './browser.ts'
import { between, pass, pick, seed } from './chance.ts'
import { type Counter, startCounter } from './counter.ts'
import { type Harbour, startHarbour } from './harbour.ts'
import { createPusher, type Pusher } from './pusher.ts'
import { writeResults } from './results.ts'
import { figuresOf, report, rounds } from './rounds.ts'
import { entriesOf, pull, readStored, type Stretch } from './server-log.ts'
import { type Comparison, compare, createTally, type Entry, nothingWrong, open, outOfOrder, wrongOf } from './tally.ts'

const folder = makeFolder()
/** What the page was told, as far as the counter has heard of it, and what the other device was told. */
const written = createTally()
const foreign = createTally()
const errors: string[] = []
let onHeard = (): void => {}
let counter: Counter
let harbour: Harbour
let other: Pusher
let browser: KillableBrowser | undefined

/** Appends that were under way at a kill and of which nobody heard the end, by what the disk has of them. */
const cutOff = { kept: 0, lost: 0 }
let killsInside = 0
let killsWhilePulling = 0
let openedAgain = 0
let engine = ''
/** What was wrong on the device after each kill, before it could ask anybody. */
const wrongAfterKills: unknown[] = []
let atEnd: { readonly pulled: Stretch; readonly stored: Stretch; readonly shown: readonly Entry[] }
let segments = 0
let onDevice: Comparison
let onServer: Comparison

beforeAll(async () => {
  counter = await startCounter(written, errors, () => onHeard())
  harbour = await startHarbour(folder.path)
  other = createPusher(harbour.server.url, 'tug', foreign, { pauseMs: 25, sizes: [10, 100] })
  try {
    await reopen()
    for (let round = 1; round <= rounds; round++) await killOnce(round)
    await browser!.page.evaluate(() => globalThis.harbour.synced())
  } finally {
    // What was acknowledged is compared with what there is also when something went wrong on the way.
    const pulled = await pull(harbour.server.url)
    const shown = (await browser?.page.evaluate(() => globalThis.harbour.read()).catch(() => undefined)) ?? []
    segments = (await browser?.page.evaluate(() => globalThis.harbour.segments()).catch(() => 0)) ?? 0
    atEnd = { pulled, stored: readStored(harbour.file), shown }
    const acknowledged = [...written.acknowledged, ...foreign.acknowledged]
    onDevice = compare(acknowledged, shown)
    onServer = compare(acknowledged, entriesOf(pulled.commits))
    tell()
  }
}, 900_000)
afterAll(async () => {
  await browser?.kill()
  await harbour?.server.kill()
  await counter?.close()
  folder.remove()
})

async function reopen(): Promise<void> {
  browser = await startBrowser(
    join(folder.path, 'profile'),
    `${harbour.server.url}/?${new URLSearchParams({ counter: counter.url, packing: '' })}`,
  )
  engine = browser.version
}

async function killOnce(round: number): Promise<void> {
  const { page, kill } = browser!
  const isPulling = round > rounds / 3
  // Now and then the device is in step with its server; mostly it has left something over from the last round.
  if (round % 5 === 0) await page.evaluate(() => globalThis.harbour.synced())
  const acknowledged = written.acknowledged.size
  let isKilled = false
  if (isPulling) await other.catchUp()
  const pushing = isPulling ? other.push(() => !isKilled) : undefined
  // Told below, when it is awaited.
  pushing?.catch(() => {})
  await page.evaluate(([name, writers]) => globalThis.harbour.write(name, writers), [
    `yacht-${round}`,
    pick(4, 12, 24),
  ] as const)
  await heard(() => written.acknowledged.size > acknowledged)
  await pass(between(0, 120))
  await kill()
  isKilled = true
  browser = undefined
  await pushing
  const unheard = open(written).filter((commit) => commit.startsWith(`yacht-${round}-`))
  if (unheard.length > 0) {
    killsInside++
    if (isPulling) killsWhilePulling++
  }

  await reopen()
  const shown = await browser!.page.evaluate(() => globalThis.harbour.read())
  openedAgain++
  const comparison = compare(written.acknowledged, shown)
  const wrong = wrongOf(comparison)
  if (Object.values(wrong).some((names) => names.length > 0)) wrongAfterKills.push({ round, ...wrong })
  for (const commit of unheard) cutOff[comparison.whole.has(commit) ? 'kept' : 'lost']++
}

/** Waits until the counter has heard enough. */
const heard = (isEnough: () => boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const giveUp = setTimeout(() => reject(new Error('the page has nothing acknowledged in 60 s')), 60_000)
    onHeard = () => {
      if (errors.length > 0) reject(new Error(errors.join('\n')))
      if (!isEnough()) return
      clearTimeout(giveUp)
      resolve()
    }
    onHeard()
  })

function tell(): void {
  const device = figuresOf(onDevice)
  const server = figuresOf(onServer)
  const begun = new Set([...written.begun, ...foreign.begun])
  writeResults('kill-browser', [
    {
      kind: 'kill',
      ...{ fault: 'SIGKILL of the browser', activity: 'append, and pull meanwhile', engine, durability: 'relaxed' },
      ...{ rounds, inside: killsInside, acknowledged: written.acknowledged.size + foreign.acknowledged.size },
      ...{ lost: device.missing! + server.missing!, halfCommits: device.half! + server.half!, openedAgain },
    },
  ])
  report(`browser killed while its page appends, seed ${seed}`, {
    kills: rounds,
    'kills while an append was under way': killsInside,
    '… and foreign commits came in': killsWhilePulling,
    'appends of which nobody heard the end, kept': cutOff.kept,
    'appends of which nobody heard the end, lost whole': cutOff.lost,
    'commits acknowledged to the page': written.acknowledged.size,
    'commits of the other device': foreign.acknowledged.size,
    'commits found that nobody had heard of': [...onDevice.whole].filter((name) => !begun.has(name)).length,
    'commits found on the device': onDevice.whole.size,
    'commits found on the server': onServer.whole.size,
    'segments at the end': segments,
    'kills after which something was wrong': wrongAfterKills.length,
    'commits acknowledged and missing': device.missing! + server.missing!,
    'commits torn': device.half! + server.half!,
    'commits doubled': device.doubled! + server.doubled!,
  })
}

describe('a browser that is killed while its page appends', () => {
  test('is mostly hit while an append is under way', () => {
    expect(errors).toEqual([])
    expect(killsInside).toBeGreaterThanOrEqual(rounds / 2)
    expect(segments).toBeGreaterThan(0)
  })
  test('has every acknowledged commit when it is opened again, whole and once', () => {
    expect(wrongAfterKills).toEqual([])
    expect(wrongOf(onDevice)).toEqual(nothingWrong)
  })
  test('brings every acknowledged commit to the server, whole and once', () => {
    expect(wrongOf(onServer)).toEqual(nothingWrong)
  })
  test('ends with the same log as the server: places and versions without a gap', () => {
    expect(atEnd.shown).toEqual(entriesOf(atEnd.pulled.commits))
    expect(outOfOrder(atEnd.shown)).toEqual([])
    expect(atEnd.stored).toEqual(atEnd.pulled)
  })
})
