// A worker as a user writes it, on the real runtime, asked over HTTP.
import { readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { createMemoryDatabase, MemoryChannels, MemoryLocks, seededRandom } from 'tidelog/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { json, problemOf, runOf } from '../../server/handler.fixture.ts'
import type { Sketch } from '../../server/judge.fixture.ts'
import { listen } from '../../server/live.fixture.ts'
import { systemClock } from '../../server/options.ts'
import { nothing, sequence } from '../../server/sequence.ts'
import { commitBytesMax } from '../../src/core/limits.ts'
import { isManifest, type ListedSegment, type PullPage } from '../../src/protocol/sync.ts'
import { hashOf, readFile } from '../../src/segments/file.ts'
import { openMemoryTab } from '../../src/testing/memory-tab.ts'
import { shop } from '../types/shop.ts'
import { added, created } from '../world.ts'
import { EdgeDevice } from './edge-device.ts'
import { startWorkerd, type Workerd } from './workerd.ts'

let workerd: Workerd
let logsCount = 0
let log = ''
beforeAll(async () => {
  workerd = await startWorkerd({
    entry: 'edge.fixture.ts',
    classes: ['OpenLog', 'TenantLog', 'BareLog'],
    // What the platform gives.
    heapMb: 128,
  })
})
beforeEach(() => {
  log = `log ${logsCount++}`
})
afterAll(() => workerd?.remove())

const pathOf = (name: string): string => encodeURIComponent(name)
const deviceOf = (name: string, of = log): EdgeDevice =>
  new EdgeDevice(name, () => `${workerd.url()}/sync/${pathOf(of)}`)
const inside = async (what: string, object: string, more = ''): Promise<unknown> =>
  (await fetch(`${workerd.url()}/inside/${what}?object=${encodeURIComponent(object)}${more}`)).json()
const objectsOf = (className: string): number =>
  readdirSync(workerd.folderOf(className)).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name)).length

/** That nothing is missing, doubled or out of order, by the digests. */
const mustBeWhole = (commits: PullPage['commits'], { seen }: EdgeDevice): void => {
  const placed = sequence(
    commits.map(({ id, contentId, events }) => ({ id, contentId, eventsCount: events.length, text: '' })),
    nothing,
  )
  expect(seen).toEqual({ position: placed.at(-1)?.last, digest: placed.at(-1)?.digest })
  expect(new Set(commits.map(({ id }) => id)).size).toBe(commits.length)
}

describe('the worker', () => {
  test('needs nothing of Node and no package', () => {
    expect(workerd.code).not.toMatch(/\bnode:|\brequire\(|\bfrom\s*["']/)
  })
})

describe('a log in an object', () => {
  test('gives what was pushed to whoever pulls, and says so live', async () => {
    const [writer, reader] = [deviceOf('writer'), deviceOf('reader')]
    const abort = new AbortController()
    const { next } = listen(await reader.live(abort.signal))
    expect(await next()).toEqual({ event: 'heartbeat' })
    for (let round = 1; round <= 20; round++) {
      expect(await writer.push([{ id: `${round}` }])).toMatchObject({
        verdicts: [{ verdict: 'accepted', position: round }],
      })
      expect(await next()).toMatchObject({ event: 'page', data: { commits: [{ id: `${round}` }], head: round } })
    }
    abort.abort()
    const commits = await reader.pullAll()
    mustBeWhole(commits, reader)
    expect(reader.seen).toEqual(writer.seen)
    // The answer was lost, and so the device asks again from where it was.
    expect(await deviceOf('again').push([{ id: '1' }, { id: '2' }])).toMatchObject({
      verdicts: [{ verdict: 'duplicate' }, { verdict: 'duplicate' }],
    })
  })
  test('answers a pull that waits as soon as there is something', async () => {
    const [writer, reader] = [deviceOf('writer'), deviceOf('reader')]
    await writer.push([{ id: 'a' }])
    await reader.pull()
    const waiting = reader.pull('&waitMs=20000')
    await writer.push([{ id: 'b' }])
    expect(await waiting).toMatchObject({ commits: [{ id: 'b' }], head: 2 })
  })
  test('takes of eight commits that exclude each other exactly one, a thousand times', {
    timeout: 240_000,
  }, async () => {
    const devices = [...'abcdefgh'].map((name) => deviceOf(name))
    for (let round = 0; round < 1_000; round++) {
      const answers = await Promise.all(
        devices.map((device) =>
          device.push([{ id: `${device.name}${round}`, events: [{ stream: 's' }], condition: { streams: ['s'] } }]),
        ),
      )
      const verdicts = answers.flatMap((answer) => (answer.status === 'verdicts' ? answer.verdicts : [])).map(wordOf)
      expect(verdicts.sort()).toEqual(['accepted', ...Array(7).fill('conflict')])
      for (const device of devices) device.seen = devices[0]!.seen
      if (devices[0]!.seen.position !== round + 1) for (const device of devices) await device.pull()
    }
    const reader = deviceOf('reader')
    mustBeWhole(await reader.pullAll(), reader)
    expect(reader.seen.position).toBe(1_000)
  })
  test('has of eight writers at one head exactly one that wins, a thousand times', { timeout: 240_000 }, async () => {
    expect(await inside('races', log, '&rounds=1000')).toEqual({ 1: 1_000 })
  })
  test('keeps nothing of a run that can not be kept whole', async () => {
    expect(await inside('torn', log)).toEqual({ failed: expect.stringContaining('TOOBIG'), kept: [], head: 0 })
  })
  test('takes the largest commits there may be, and gives them back', async () => {
    const sized = (id: string, letter: string): Sketch => {
      const rest = JSON.stringify(runOf([{ id, events: [{ stream: 's', data: { text: '' } }] }])).length - 70
      const width = new TextEncoder().encode(letter).length
      return { id, events: [{ stream: 's', data: { text: letter.repeat((commitBytesMax - rest) / width) } }] }
    }
    const writer = deviceOf('writer')
    for (const letter of ['x', 'ä', '漢'])
      expect(await writer.push([sized(letter, letter)])).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    const commits = await deviceOf('reader').pullAll()
    expect(commits.map(({ events }) => events[0]?.data)).toEqual(
      ['x', 'ä', '漢'].map((letter) => sized(letter, letter).events?.[0]?.data),
    )
    for (const commit of commits) expect(Buffer.byteLength(JSON.stringify(commit))).toBeGreaterThan(890_000)
  })
})
const wordOf = ({ verdict }: { readonly verdict: string }): string => verdict

describe('segments', () => {
  /** A text that gzip can't make small. */
  const noise = (length: number, seed: number): string => {
    const random = seededRandom(seed)
    let text = ''
    while (text.length < length) text += random.newId()
    return text
  }
  const list = async (device: EdgeDevice): Promise<readonly ListedSegment[]> => {
    const manifest: unknown = await (await device.ask('segments')).json()
    return isManifest(manifest) ? manifest.segments : []
  }
  test('are sealed beside pushes and served whole, also one of several megabytes', async () => {
    const writer = deviceOf('writer')
    for (let nth = 0; nth < 12; nth++) {
      const events = Array.from({ length: 100 }, (_, at) => ({
        stream: `s${at % 7}`,
        data: { text: noise(5_000, 100 * nth + at) },
      }))
      await writer.push([{ id: `c${nth}`, events }])
    }
    await expect.poll(() => list(writer), { timeout: 60_000 }).toMatchObject([{ first: 1, last: 1_000 }])
    const [segment] = await list(writer)
    const file = await writer.ask(`segments/${segment!.hash}`)
    expect(file.headers.get('cache-control')).toContain('immutable')
    const bytes = new Uint8Array(await file.arrayBuffer())
    expect(bytes.length).toBe(segment!.bytes)
    expect(bytes.length).toBeGreaterThan(2_500_000)
    expect(await hashOf(bytes)).toBe(segment!.hash)
    expect(await readFile(bytes)).toMatchObject({ first: 1, last: 1_000 })
  })
  test('and the log lose what an erasure names', async () => {
    const writer = deviceOf('writer')
    const events = (from: number) =>
      Array.from({ length: 100 }, (_, at) => ({
        stream: at % 2 === 0 ? 'kept' : 'person',
        data: { text: `${at % 2 === 0 ? 'open' : 'secret'} ${from + at}` },
      }))
    for (let nth = 0; nth < 12; nth++) await writer.push([{ id: `c${nth}`, events: events(100 * nth) }])
    await expect.poll(() => list(writer), { timeout: 60_000 }).toHaveLength(1)
    const [before] = await list(writer)
    await writer.push([{ id: 'erase', events: [{ type: '$erased', stream: 'person', data: {} }] }])
    await expect.poll(() => inside('count', log, '&text=secret')).toEqual([[0]])
    await expect.poll(async () => (await list(writer))[0]?.hash).not.toBe(before!.hash)
    expect(await problemOf(await writer.ask(`segments/${before!.hash}`))).toBe('410 gone')
    const texts = JSON.stringify(await deviceOf('reader').pullAll())
    expect(texts).not.toContain('secret')
    expect(texts).toContain('open 1198')
  })
})

describe('a class without an alarm', () => {
  test('erases all the same, and says what is missing', async () => {
    const writer = new EdgeDevice('w', () => `${workerd.url()}/bare/${pathOf(log)}`)
    await writer.push([{ id: 'a', events: [{ stream: 'person', data: { text: 'secret' } }] }])
    const erased = await writer.push([{ id: 'erase', events: [{ type: '$erased', stream: 'person', data: {} }] }])
    expect(erased).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    const reader = () => new EdgeDevice('r', () => `${workerd.url()}/bare/${pathOf(log)}`)
    await expect.poll(async () => JSON.stringify(await reader().pullAll())).not.toContain('secret')
    expect(workerd.said()).toMatch(/alarm/)
  })
})

describe('real clients', () => {
  const tabs: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const tab of tabs.splice(0)) await tab.close()
  })
  let count = 0
  const asked: string[] = []
  const openTab = () => {
    const channels = new MemoryChannels()
    const random = seededRandom(++count)
    const browser = {
      clock: systemClock,
      random,
      locks: new MemoryLocks(systemClock),
      database: createMemoryDatabase(random.newId()),
      openChannel: channels.open,
    }
    const tab = openMemoryTab(shop, browser, {
      fetch: (request) => {
        const { pathname, search } = new URL(request.url)
        asked.push(pathname.replace(/[0-9a-f]{64}$/, 'file'))
        // It listens elsewhere after each start.
        return fetch(new Request(workerd.url() + pathname + search, request))
      },
      urlOf: () => `http://edge.test/sync/${pathOf(log)}`,
    })
    tabs.push(tab)
    return tab
  }
  test('hear of each other, outlive the runtime, and download the old part', { timeout: 120_000 }, async () => {
    const [here, there] = [openTab(), openTab()]
    await here.append([created('c')])
    await there.append([created('d')])
    const heads = () => Promise.all([here, there].map(async (tab) => (await tab.logHead()).confirmed))
    await expect.poll(heads).toEqual([2, 2])
    await workerd.crash()
    await here.append([added('c', '0')])
    await workerd.start()
    await expect.poll(heads, { timeout: 60_000 }).toEqual([3, 3])
    for (let nth = 1; nth <= 115; nth++)
      await there.append(Array.from({ length: 100 }, (_, at) => added('d', `${nth} ${at}`)))
    await expect.poll(heads, { timeout: 60_000 }).toEqual([11_503, 11_503])
    const manifest = async () => ((await (await deviceOf('x').ask('segments')).json()) as { segments: [] }).segments
    await expect.poll(async () => (await manifest()).length, { timeout: 60_000 }).toBeGreaterThanOrEqual(11)
    asked.length = 0
    const late = openTab()
    await expect.poll(async () => (await late.logHead()).confirmed, { timeout: 60_000 }).toBe(11_503)
    expect(asked.filter((path) => path.endsWith('/segments/file')).length).toBeGreaterThanOrEqual(11)
    const idsOf = async (tab: ReturnType<typeof openTab>) => (await tab.read().all()).events.map(({ id }) => id)
    const ids = await idsOf(late)
    expect(ids).toHaveLength(11_503)
    expect(ids).toEqual(await idsOf(here))
  })
})

describe('objects', () => {
  const of = (user: string, tenantLog: string): EdgeDevice =>
    new EdgeDevice(user, () => `${workerd.url()}/tenants/${pathOf(tenantLog)}`, { 'x-user': encodeURIComponent(user) })

  test('are one for each log, and never meet', async () => {
    const before = objectsOf('OpenLog')
    const names = ['cart', 'Cart', 'cart ', 'a/cart', 'a%2Fcart', '../cart', 'ä', 'a\u0308', '🙂', 'x'.repeat(256)]
    for (const [nth, name] of names.entries()) await deviceOf('w', name).push([{ id: `${nth}` }])
    for (const [nth, name] of names.entries()) {
      expect(await deviceOf('r', name).pullAll(), name).toMatchObject([{ id: `${nth}` }])
      expect(await inside('logs', name)).toEqual([[name]])
    }
    expect(objectsOf('OpenLog')).toBe(before + names.length)
  })
  test('are one for each tenant, whatever tenants and logs are called', async () => {
    const tenants = ['a', 'A', 'b', 'a/b', 'a%2Fb', 'ä', '..', 'x'.repeat(512)]
    const names = ['cart', 'b/cart', '/cart', '']
    const pairs = tenants.flatMap((tenant) => names.filter((name) => name !== '').map((name) => ({ tenant, name })))
    for (const { tenant, name } of pairs)
      await of(`${tenant}:ann`, name).push([{ id: `${tenant} ${name}`.slice(0, 100) }])
    for (const { tenant, name } of pairs) {
      const commits = await of(`${tenant}:bob`, name).pullAll()
      expect(commits).toMatchObject([{ id: `${tenant} ${name}`.slice(0, 100), metadata: { actor: 'ann' } }])
      const object = `${encodeURIComponent(tenant)}/${name}`
      expect(await inside('logs', object, '&tenants')).toEqual([[object]])
    }
    expect(objectsOf('TenantLog')).toBe(pairs.length)
  })
  test('are not made by whoever only asks, and cost nothing before the first commit', async () => {
    const before = objectsOf('TenantLog')
    const stranger = new EdgeDevice('x', () => `${workerd.url()}/tenants/new`)
    expect(await problemOf(await stranger.ask('pull?position=0'))).toBe('401 unauthenticated')
    expect(await problemOf(await of('t:ann', 'forbidden').live())).toBe('403 forbidden')
    expect(objectsOf('TenantLog')).toBe(before)
    const ann = of('t:ann', 'read')
    expect(await ann.pullAll()).toEqual([])
    expect(await (await ann.ask('segments')).json()).toMatchObject({ segments: [] })
    expect(await inside('tables', 't/read', '&tenants')).toEqual([])
  })
  test('that can not start are answered 503, and their devices come back', async () => {
    const writer = deviceOf('writer')
    await writer.push([{ id: 'a' }])
    await inside('newer', log)
    // It is refused when it starts the next time.
    await workerd.crash()
    await workerd.start()
    const response = await writer.ask('push', { method: 'POST', body: JSON.stringify(runOf([{ id: 'b' }])) })
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await problemOf(response)).toBe('503 store-unavailable')
    expect(workerd.said()).toContain('format 2')
  })
})

describe('bad input', () => {
  const post = (body: RequestInit['body'], headers: Record<string, string> = {}): Promise<Response> =>
    deviceOf('w').ask('push', { method: 'POST', body: body ?? null, headers })

  test('is answered as elsewhere', async () => {
    const good = JSON.stringify(runOf([{ id: 'a' }]))
    const answers = [
      await post('{'),
      await post('{}'),
      await post(good, { 'content-type': 'text/plain' }),
      await post(good, { 'content-encoding': 'br' }),
      await post(new Uint8Array([1, 2, 3]), { 'content-encoding': 'gzip' }),
      await post(gzipSync('x'.repeat(4_000_001)), { 'content-encoding': 'gzip' }),
      await post(JSON.stringify(runOf(Array.from({ length: 1_001 }, (_, at) => ({ id: `${at}` }))))),
      await deviceOf('w').ask('push'),
      await deviceOf('w').ask('burn'),
      await deviceOf('w').ask('pull?position=x'),
      await fetch(`${workerd.url()}/sync/%00/pull`, { headers: json }),
      await fetch(`${workerd.url()}/sync/cart/pull`),
    ]
    expect(await Promise.all(answers.map(problemOf))).toEqual([
      '400 json',
      '400 push',
      '415 content-type',
      '415 content-encoding',
      '400 body',
      '413 too-large',
      '413 too-many',
      '405 method',
      '404 not-found',
      '400 seen',
      '400 log-name',
      '426 protocol',
    ])
    expect(await inside('tables', log)).toEqual([])
  })
  test('in what the application says is answered 500, without a word about it', async () => {
    const ann = new EdgeDevice('ann', () => `${workerd.url()}/tenants/broken`, { 'x-user': 't:ann' })
    const response = await ann.ask('pull?position=0')
    expect(await problemOf(response.clone())).toBe('500 internal')
    expect(await response.text()).not.toContain('table of rights')
    expect(workerd.said()).toContain('the table of rights is away')
  })
  test('of other origins is told from what may be asked, in the worker and in the object', async () => {
    const origins = { origin: 'https://shop.example', 'access-control-request-method': 'POST' }
    const preflight = await fetch(`${workerd.url()}/sync/cart/push`, { method: 'OPTIONS', headers: origins })
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([204, 'POST'])
    for (const path of ['pull?position=0&digest=0000000000000000', 'burn']) {
      const response = await deviceOf('w').ask(path, { headers: { origin: 'https://shop.example' } })
      expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.example')
      expect(response.headers.get('vary')).toBe('origin')
      expect(
        (await deviceOf('w').ask(path, { headers: { origin: 'https://evil.example' } })).headers.get(
          'access-control-allow-origin',
        ),
      ).toBe(null)
    }
  })
})
