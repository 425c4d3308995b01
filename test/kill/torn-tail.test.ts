// What a kill or a power cut inside a write leaves on disk: the beginning of a record at the end of LevelDB's log file.
// Chromium reads past it, writes on behind it, and deletes the database at the next start.
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeFolder } from '../e2e/folders.ts'
import { type KillableBrowser, startBrowser } from './browser.ts'
import { type Counter, startCounter } from './counter.ts'
import { type Harbour, startHarbour } from './harbour.ts'
import { compare, createTally, nothingWrong, wrongOf } from './tally.ts'

const folder = makeFolder()
const profile = join(folder.path, 'profile')
const written = createTally()
let onHeard = (): void => {}
let counter: Counter
let harbour: Harbour
let browser: KillableBrowser | undefined

beforeAll(async () => {
  counter = await startCounter(written, [], () => onHeard())
  harbour = await startHarbour(folder.path)
})
afterAll(async () => {
  await browser?.kill()
  await harbour?.server.kill()
  await counter?.close()
  folder.remove()
})

/** A page without a server to get anything back from. */
async function reopen(): Promise<KillableBrowser> {
  const query = new URLSearchParams({ counter: counter.url, alone: '' })
  browser = await startBrowser(profile, `${harbour.server.url}/?${query}`)
  return browser
}

async function writeSome(name: string): Promise<void> {
  const { page, kill } = browser!
  // Killed in the moment in which the first one is acknowledged: what is to protect it has to be finished by then.
  const enough = written.acknowledged.size + 1
  const isEnough = new Promise<void>((resolve) => {
    onHeard = () => written.acknowledged.size >= enough && resolve()
  })
  await page.evaluate((name) => globalThis.harbour.write(name, 2), name)
  await isEnough
  await kill()
}

/** Each tear is left behind under the load of the start before. */
const rounds = 6

const blockBytes = 32_768
const headerBytes = 7
const wholeRecord = 1
const firstFragment = 2
const middleFragment = 3

/** Whether the last record of a log file is not all there. */
function isTorn(log: Buffer): boolean {
  let isOpen = false
  for (let at = 0; at < log.length; ) {
    const left = blockBytes - (at % blockBytes)
    if (left < headerBytes) {
      at += left
      continue
    }
    if (at + headerBytes > log.length) return true
    const length = log.readUInt16LE(at + 4)
    const type = log[at + 6]
    isOpen = type === firstFragment || type === middleFragment
    // What is no record fills up its block.
    at += type === 0 && length === 0 ? left : headerBytes + length
    if (at > log.length) return true
  }
  return isOpen
}

/**
 * Begins a record at the end of the log file of the profile's only IndexedDB, and does not end it. False where the kill has left a
 * tear there itself: behind that LevelDB would write only after another start.
 */
function tearTail(tear: 'in a fragment' | 'between fragments'): boolean {
  const databases = join(profile, 'Default', 'IndexedDB')
  const database = join(databases, readdirSync(databases).find((name) => name.endsWith('.leveldb'))!)
  const logs = readdirSync(database).filter((name) => name.endsWith('.log'))
  const log = join(database, logs.sort().at(-1)!)
  const bytes = readFileSync(log)
  if (isTorn(bytes)) return false
  const left = blockBytes - (bytes.length % blockBytes)
  // A block that has no room for this is filled up, and it begins in the next one.
  const room = left < headerBytes + 100 ? blockBytes : left
  if (room > left) appendFileSync(log, new Uint8Array(left))
  const payload = new Uint8Array(room - headerBytes)
  appendFileSync(
    log,
    tear === 'between fragments'
      ? fragment(firstFragment, payload)
      : fragment(wholeRecord, payload).subarray(0, room - 50),
  )
  return true
}

/** As LevelDB writes it: the masked CRC-32C of type and payload, the length, the type, the payload. */
function fragment(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headerBytes + payload.length)
  bytes[6] = type
  bytes.set(payload, headerBytes)
  const sum = crc32c(bytes.subarray(6))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, ((sum >>> 15) | (sum << 17)) + 0xa2_82_ea_d8, true)
  view.setUint16(4, payload.length, true)
  return bytes
}
function crc32c(bytes: Uint8Array): number {
  let sum = -1
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0x82_f6_3b_78 : sum >>> 1
  }
  return ~sum
}

test.each(['in a fragment', 'between fragments'] as const)(
  'what is acknowledged after a write was torn %s outlives the starts that follow',
  async (tear) => {
    let torn = 0
    for (let round = 1; round <= rounds; round++) {
      await reopen()
      await writeSome(`${tear.replaceAll(' ', '-')}-${round}`)
      if (tearTail(tear)) torn++
    }
    expect(torn).toBeGreaterThanOrEqual(rounds / 2)
    const { page, kill } = await reopen()
    const shown = await page.evaluate(() => globalThis.harbour.read())
    await kill()
    expect(wrongOf(compare(written.acknowledged, shown))).toEqual(nothingWrong)
  },
  120_000,
)
