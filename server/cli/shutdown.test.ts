import { connect } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { json, problemOf, runOf } from '../handler.fixture.ts'
import { listen, type Said } from '../live.fixture.ts'
import { closed, dial, head } from '../node.fixture.ts'
import { nothing, sequence } from '../sequence.ts'
import { sqliteStore } from '../sqlite-store.ts'
import { bundleCli, Place, pullFrom, pushedTo, pushTo } from './cli.fixture.ts'

let file = ''
let place: Place
// Many processes are started, one after the other.
vi.setConfig({ testTimeout: 60_000 })
beforeAll(async () => {
  file = await bundleCli('shutdown')
})
beforeEach(() => {
  place = new Place(file)
})
afterEach(() => place.remove())

const store = ['--store', 'sqlite:./log.db']
const query = `position=0&digest=${nothing.digest}`

/** Resolves when the program has read what was sent before: others that came later were answered. */
async function hasHeard(url: string): Promise<void> {
  for (let nth = 0; nth < 3; nth++) await fetch(`${url}/healthz`)
}

/** Reads a live stream to its end. */
async function follow(url: string): Promise<readonly Said[]> {
  const said: Said[] = []
  const stream = listen(await fetch(`${url}/sync/cart/live?${query}`, { headers: json }))
  for (let next = await stream.next(); next !== undefined; next = await stream.next()) said.push(next)
  return said
}

describe('a program that is told to end', () => {
  test.for(['SIGTERM', 'SIGINT'] as const)('loses nothing and cuts nobody off, under load: %s', async (signal) => {
    const { program, url } = await place.serve(store)
    const acknowledged: string[] = []
    const writing = [...'abcdef'].map(async (name) => {
      let { seen } = { seen: nothing }
      for (let round = 0; ; round++) {
        const id = `${name}${round}`
        const response = await pushTo(url, [{ id }], { seen }).catch(() => undefined)
        // The connection is refused, or was ended between two requests.
        if (response === undefined) return
        const answer: { verdicts: unknown; page: { through: typeof seen } } = await response.json()
        expect(answer.verdicts).toMatchObject([{ verdict: 'accepted' }])
        acknowledged.push(id)
        seen = answer.page.through
      }
    })
    const streams = Array.from({ length: 20 }, () => follow(url))
    // Of a log that nobody writes to: they have nothing to tell before the end.
    const pulls = Array.from({ length: 5 }, () =>
      fetch(`${url}/sync/quiet/pull?${query}&waitMs=25000`, { headers: json }),
    )
    await expect.poll(() => acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(100)
    program.child.kill(signal)
    expect(await program.ended).toBe(0)
    await Promise.all(writing)
    for (const said of await Promise.all(streams)) {
      expect(said.at(-1)?.event).toBe('stopped')
      expect(said.filter(({ event }) => event === 'stopped')).toHaveLength(1)
    }
    for (const pull of await Promise.all(pulls))
      expect(await pull.json()).toMatchObject({ status: 'page', commits: [] })
    const kept = sqliteStore(place.path('log.db'))
    const { commits } = await kept.range('cart', 0, { commitsMax: 1e6, bytesMax: 1e9 })
    const places = new Set(commits.map(({ id }) => id))
    expect(acknowledged.filter((id) => !places.has(id))).toEqual([])
    expect(commits).toEqual(
      sequence(
        commits.map((commit) => ({ ...commit, eventsCount: 1 })),
        nothing,
      ),
    )
    await kept.close()
    expect(program.lines().map(({ msg }) => msg)).toEqual([
      expect.stringMatching(/^anybody/),
      'listening',
      'stopping',
      'stopped',
    ])
  })
  test('says so at once where it is asked whether it is ready, and serves on while it drains', async () => {
    const { program, url, metrics } = await place.serve([...store, '--metrics-port', '0', '--drain', '4'])
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    program.child.kill('SIGTERM')
    await program.says('stopping')
    for (const at of [url, metrics]) {
      const response = await fetch(`${at}/readyz`)
      expect(response.headers.get('retry-after')).toBe('5')
      expect(await problemOf(response)).toBe('503 not-ready')
      expect((await fetch(`${at}/healthz`)).status).toBe(200)
    }
    expect(await (await fetch(`${metrics}/metrics`)).text()).toContain('\ntidelog_ready 0\n')
    expect(await pushedTo(url, [{ id: 'late' }])).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    expect(await program.ended).toBe(0)
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })
  test('finishes a push that is under way', async () => {
    const { program, url } = await place.serve(store)
    const body = JSON.stringify(runOf([{ id: 'half' }]))
    const first = head('POST /sync/cart/push', 'content-type: application/json', `content-length: ${body.length}`)
    const { socket, answer } = await dial(Number(new URL(url).port), first + body.slice(0, 20))
    await hasHeard(url)
    program.child.kill('SIGTERM')
    await program.says('stopping')
    socket.write(body.slice(20))
    expect(await answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*"verdict":"accepted"/)
    expect(await program.ended).toBe(0)
    const again = await place.serve(store)
    expect((await pullFrom(again.url)).commits.map(({ id }) => id)).toEqual(['half'])
  })
  test('waits for nobody longer than it was told', async () => {
    const { program, url } = await place.serve([...store, '--grace', '1'])
    const first = head('POST /sync/cart/push', 'content-type: application/json', 'content-length: 1000')
    const { socket } = await dial(Number(new URL(url).port), `${first}{`)
    await hasHeard(url)
    const startedAt = performance.now()
    program.child.kill('SIGTERM')
    await closed(socket)
    expect(await program.ended).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(8_000)
    expect(program.lines().at(-2)?.msg).toBe('what was still under way has been cut off')
  })
  test('ends at once when it is told again', async () => {
    const { program, url } = await place.serve([...store, '--drain', '600'])
    program.child.kill('SIGTERM')
    await program.says('stopping')
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    program.child.kill('SIGINT')
    expect(await program.ended).toBe('SIGINT')
  })
  test('takes no new connection', async () => {
    const { program, url } = await place.serve([...store, '--grace', '30'])
    const first = head('POST /sync/cart/push', 'content-type: application/json', 'content-length: 1000')
    const { socket } = await dial(Number(new URL(url).port), `${first}{`)
    await hasHeard(url)
    program.child.kill('SIGTERM')
    await program.says('stopping')
    const refused = async (): Promise<boolean> => {
      const other = connect(Number(new URL(url).port), '127.0.0.1')
      return new Promise((resolve) => {
        other.once('connect', () => resolve(false))
        other.once('error', () => resolve(true))
      }).finally(() => other.destroy()) as Promise<boolean>
    }
    await expect.poll(refused).toBe(true)
    socket.destroy()
    expect(await program.ended).toBe(0)
  })
})
