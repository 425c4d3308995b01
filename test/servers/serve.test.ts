// The endpoint as a program, over PostgreSQL.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bundleCli, Place, pullFrom, pushedTo, pushTo } from '../../server/cli/cli.fixture.ts'
import { parseMetrics, sampleOf } from '../../server/cli/metrics.fixture.ts'
import { json, problemOf } from '../../server/handler.fixture.ts'
import { listen } from '../../server/live.fixture.ts'
import { nothing } from '../../server/sequence.ts'
import { type Cluster, startCluster } from './cluster.ts'

let cluster: Cluster
let file = ''
let place: Place
let url = ''
let databasesCount = 0
beforeAll(async () => {
  cluster = await startCluster()
  file = await bundleCli('servers')
})
beforeEach(async () => {
  place = new Place(file)
  url = await cluster.createDatabase(`serve_${databasesCount++}`)
})
afterEach(() => place.remove())
afterAll(() => cluster?.remove())

const readyOf = async (at: string): Promise<number> => (await fetch(`${at}/readyz`)).status

describe('tidelog serve over PostgreSQL', () => {
  test('serves one log at several ends, and ends with all streams told', async () => {
    const [one, two] = [await place.serve(['--store', url]), await place.serve(['--store', url])]
    const query = `position=0&digest=${nothing.digest}`
    const stream = listen(await fetch(`${two.url}/sync/cart/live?${query}`, { headers: json }))
    expect(await pushedTo(one.url, [{ id: 'a' }])).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    expect(await stream.next()).toEqual({ event: 'heartbeat' })
    expect(await stream.next()).toMatchObject({ event: 'page', data: { commits: [{ id: 'a' }] } })
    for (const { program } of [one, two]) program.child.kill('SIGTERM')
    expect(await Promise.all([one.program.ended, two.program.ended])).toEqual([0, 0])
    expect((await stream.next())?.event).toBe('stopped')
  })
  test('is not ready, answers 503, and stays alive while the database is away; then it goes on', async () => {
    // Trusted here whatever its password.
    const secret = url.replace('postgres@', 'postgres:pa55word@')
    const { program, url: at } = await place.serve(['--log-level', 'debug'], { TIDELOG_STORE: secret })
    expect(program.lines()[1]).toMatchObject({ msg: 'listening', store: url })
    expect(await readyOf(at)).toBe(200)
    await pushedTo(at, [{ id: 'a' }])
    await cluster.crash()
    // Nobody has asked for that yet.
    expect(await (await fetch(`${at}/metrics`)).text()).toContain('\ntidelog_ready 0\n')
    const away = await fetch(`${at}/readyz`)
    expect(await away.clone().text()).toContain('postgres/unreachable')
    expect(await problemOf(away)).toBe('503 not-ready')
    const refused = await pushTo(at, [{ id: 'b' }])
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(await problemOf(refused)).toBe('503 store-unavailable')
    expect((await fetch(`${at}/healthz`)).status).toBe(200)
    await cluster.start()
    await expect.poll(() => readyOf(at)).toBe(200)
    const { through } = await pullFrom(at)
    expect(await pushedTo(at, [{ id: 'b' }], { seen: through })).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    const families = parseMetrics(await (await fetch(`${at}/metrics`)).text())
    const errors = families.get('tidelog_store_errors_total')?.samples ?? []
    expect(errors.length).toBeGreaterThan(0)
    for (const { labels } of errors) expect(labels.reason).toBe('unavailable')
    expect(sampleOf(families, 'tidelog_http_requests_total', { route: 'push', status: '503' })).toBe(1)
    expect(sampleOf(families, 'tidelog_commits_appended_total')).toBe(2)
    expect(program.said()).not.toContain('pa55word')
    const said = program.lines().map(({ msg }) => msg)
    expect(said).toContain('the store answers again')
    expect(said).not.toContain('unexpected error')
    for (const msg of ['the store can not be used', 'a connection to the store broke'])
      expect(said.filter((one) => one === msg).length, msg).toBeLessThanOrEqual(2)
  })
  test('started without its database, ends with a line, or waits as long as it is told', async () => {
    await cluster.crash()
    const none = await place.run(['serve', '--port', '0', '--store', url])
    expect(none).toMatchObject({
      code: 1,
      lines: [{ msg: expect.stringMatching(/is it running, .* \(serve --wait waits/) }],
    })
    const inVain = place.start(['serve', '--port', '0', '--store', url, '--wait', '1'])
    expect(await inVain.ended).toBe(1)
    expect(inVain.lines().at(-1)?.msg).toMatch(/is it running/)
    const { program, url: at } = await place.serve(['--store', url, '--wait', '60'])
    await program.says('waiting for the store')
    expect(await readyOf(at)).toBe(503)
    expect((await pushTo(at, [{ id: 'a' }])).status).toBe(503)
    await cluster.start()
    await expect.poll(() => readyOf(at), { timeout: 20_000 }).toBe(200)
    expect(await pushedTo(at, [{ id: 'a' }])).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    program.child.kill('SIGTERM')
    expect(await program.ended).toBe(0)
  })
  test('told to end while it waits, ends', async () => {
    await cluster.crash()
    const { program } = await place.serve(['--store', url, '--wait', '600'])
    await program.says('waiting for the store')
    program.child.kill('SIGTERM')
    expect(await program.ended).toBe(0)
    await cluster.start()
  })
  test('started with a wrong database says so at once, also when it may wait', async () => {
    const wrong = url.replace(/\w+$/, 'nonesuch')
    const { code, lines } = await place.run(['serve', '--port', '0', '--store', wrong, '--wait', '60'])
    expect(code).toBe(1)
    expect(lines.at(-1)?.msg).toMatch(/PostgreSQL refuses: database "nonesuch" does not exist/)
  })
})

describe('a backup', () => {
  test('of PostgreSQL is restored into SQLite and back, and it is the same log', async () => {
    const first = await place.serve(['--store', url])
    let seen = nothing
    for (let round = 0; round < 5; round++) {
      const answer = await pushedTo(
        first.url,
        [{ id: `${round}a` }, { id: `${round}b`, events: [{ stream: 'ü\u2028' }] }],
        { seen },
      )
      if (answer.status === 'verdicts') seen = answer.page.through
    }
    const other = await cluster.createDatabase(`restored_${databasesCount}`)
    const one = ['--log', 'cart']
    for (const [command, store, ...more] of [
      ['backup', url, '--to', 'one.gz'],
      ['restore', 'sqlite:./log.db', '--from', 'one.gz'],
      ['backup', 'sqlite:./log.db', '--to', 'two.gz'],
      ['restore', other, '--from', 'two.gz'],
    ] as const)
      expect(await place.run([command, '--store', store, ...one, ...more])).toMatchObject({ code: 0 })
    const second = await place.serve(['--store', other])
    expect(await pullFrom(second.url)).toEqual(await pullFrom(first.url))
    expect(await pushedTo(second.url, [{ id: 'more' }], { seen })).toMatchObject({
      verdicts: [{ verdict: 'accepted' }],
    })
  })
})
