import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { json, problemOf } from '../handler.fixture.ts'
import { listen } from '../live.fixture.ts'
import { nothing } from '../sequence.ts'
import { bundleCli, Place, pullFrom, pushedTo, pushTo } from './cli.fixture.ts'
import { parseMetrics, sampleOf } from './metrics.fixture.ts'

let file = ''
let place: Place
// Many processes are started, one after the other.
vi.setConfig({ testTimeout: 60_000 })
beforeAll(async () => {
  file = await bundleCli('serve')
})
beforeEach(() => {
  place = new Place(file)
})
afterEach(() => place.remove())

const metricsOf = async (url: string) => parseMetrics(await (await fetch(`${url}/metrics`)).text())

describe('tidelog', () => {
  test('says what it can do, and its version', async () => {
    const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'))
    for (const [args, said] of [
      [['--help'], /^Usage: tidelog COMMAND/],
      [['serve', '--help'], /^Usage: tidelog serve/],
      [['help', 'backup'], /^Usage: tidelog backup/],
      [['--version'], new RegExp(`^${version}$`)],
    ] as const) {
      const program = place.start(args)
      expect(await program.line()).toMatch(said)
      expect([await program.ended, program.said()]).toEqual([0, ''])
    }
  })
})

describe('tidelog serve', () => {
  test('serves logs, and says on this machine only, to anybody', async () => {
    const { program, url } = await place.serve(['--store', 'sqlite:./log.db'])
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(program.lines()).toMatchObject([
      {
        level: 'warn',
        msg: `anybody who can reach ${url} may read and write every log: see --token-file and --config`,
      },
      { level: 'info', msg: 'listening', url, store: 'sqlite:./log.db', basePath: '/sync' },
    ])
    expect(await pushedTo(url, [{ id: 'a' }])).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    expect((await pullFrom(url)).head).toBe(1)
    for (const path of ['/healthz', '/readyz']) {
      const response = await fetch(url + path)
      expect([response.status, await response.text()]).toEqual([200, 'ok\n'])
      expect((await fetch(url + path, { method: 'HEAD' })).status).toBe(200)
      expect((await fetch(url + path, { method: 'POST' })).status).toBe(405)
    }
  })
  test('takes every option from the environment as well, and serves a front end beside', async () => {
    mkdirSync(place.path('web'))
    writeFileSync(join(place.path('web'), 'index.html'), '<h1>shop</h1>')
    const { url, metrics } = await place.serve([], {
      TIDELOG_STORE: 'memory:',
      TIDELOG_BASE_PATH: '/api/logs',
      TIDELOG_CORS: 'https://a.example, https://b.example',
      TIDELOG_METRICS_PORT: '0',
      TIDELOG_STATIC: 'web',
    })
    expect(await (await fetch(url)).text()).toBe('<h1>shop</h1>')
    const query = `position=0&digest=${nothing.digest}`
    const headers = { ...json, origin: 'https://b.example' }
    const response = await fetch(`${url}/api/logs/cart/pull?${query}`, { headers })
    expect(response.headers.get('access-control-allow-origin')).toBe('https://b.example')
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
    const families = await metricsOf(metrics)
    expect(sampleOf(families, 'tidelog_http_requests_total', { route: 'pull', status: '200' })).toBe(1)
    expect(sampleOf(families, 'tidelog_http_requests_total', { route: 'static', status: '404' })).toBe(1)
    expect((await fetch(`${metrics}/readyz`)).status).toBe(200)
    expect((await fetch(`${metrics}/api/logs/cart/pull?${query}`, { headers })).status).toBe(404)
  })
  test('counts what it did, and what failed', async () => {
    writeFileSync(
      place.path('config.mjs'),
      `export default { limits: { runCommitsMax: 3, clientStreamsMax: 1 }, authenticate: (r) => r.headers.get('authorization') ?? undefined,
        authorize: ({ log }) => { if (log === 'broken') throw new Error('no'); return log !== 'secret' } }`,
    )
    const { url } = await place.serve(['--store', 'sqlite:./log.db', '--config', 'config.mjs'])
    const headers = { authorization: 'ann' }
    const two = [{ stream: 's' }, { stream: 's' }]
    await pushTo(url, [{ id: 'a' }, { id: 'b', events: two }], { headers })
    await pushTo(url, [{ id: 'a' }, { id: 'c', condition: { streams: ['s'] } }, { id: 'd' }], { headers })
    await pushTo(url, [{ id: 'e' }])
    await pushTo(url, [{ id: 'e' }], { headers, log: 'secret' })
    await pushTo(url, [{ id: 'e' }], { headers, log: 'broken' })
    await pushTo(
      url,
      ['1', '2', '3', '4'].map((id) => ({ id })),
      { headers },
    )
    const query = `position=0&digest=${nothing.digest}`
    const live = () => fetch(`${url}/sync/cart/live?${query}`, { headers: { ...json, ...headers } })
    const stream = listen(await live())
    await stream.next()
    expect((await live()).status).toBe(429)
    await fetch(`${url}/nowhere`)
    const families = await metricsOf(url)
    const requests = families.get('tidelog_http_requests_total')?.samples ?? []
    expect(
      Object.fromEntries(requests.map(({ labels, value }) => [`${labels.route} ${labels.status}`, value])),
    ).toEqual({
      'push 200': 2,
      'push 401': 1,
      'push 403': 1,
      'push 500': 1,
      'push 413': 1,
      'live 200': 1,
      'live 429': 1,
      'none 404': 1,
    })
    const verdicts = families.get('tidelog_verdicts_total')?.samples ?? []
    expect(Object.fromEntries(verdicts.map(({ labels, value }) => [labels.verdict, value]))).toEqual({
      accepted: 2,
      duplicate: 1,
      conflict: 1,
      rejected: 0,
      held: 1,
    })
    expect(sampleOf(families, 'tidelog_commits_appended_total')).toBe(2)
    expect(sampleOf(families, 'tidelog_events_appended_total')).toBe(3)
    expect(sampleOf(families, 'tidelog_refused_total', { limit: 'too-many' })).toBe(1)
    expect(sampleOf(families, 'tidelog_refused_total', { limit: 'too-many-streams' })).toBe(1)
    expect(sampleOf(families, 'tidelog_http_request_duration_seconds_count', { route: 'push' })).toBe(6)
    expect(sampleOf(families, 'tidelog_store_call_duration_seconds_count', { call: 'append' })).toBe(1)
    expect(sampleOf(families, 'tidelog_live_streams')).toBe(1)
    await stream.cancel()
    await expect.poll(async () => sampleOf(await metricsOf(url), 'tidelog_live_streams')).toBe(0)
    expect(sampleOf(await metricsOf(url), 'tidelog_ready')).toBe(1)
  })
  test('knows who comes in by a token, and says it of each request, but no token and no event', async () => {
    const token = 'f3a9c2e17b604d58'
    writeFileSync(place.path('tokens'), `# who\n\nann ${token}\nbob ${token}2\n`)
    const args = ['--store', 'sqlite:./log.db', '--token-file', 'tokens', '--log-level', 'debug', '--proxies', '1']
    const { program, url } = await place.serve(args)
    const data = { street: 'Secret Lane 5' }
    const run = [{ id: 'a', events: [{ stream: 's', type: 'Moved', data }] }]
    expect(await problemOf(await pushTo(url, run))).toBe('401 unauthenticated')
    const wrong = { authorization: `Bearer ${token}3` }
    expect((await pushTo(url, run, { headers: wrong })).status).toBe(401)
    const headers = { authorization: `Bearer ${token}2`, 'x-request-id': 'from-the-proxy' }
    const response = await pushTo(url, run, { headers })
    expect([response.status, response.headers.get('x-request-id')]).toEqual([200, 'from-the-proxy'])
    expect(JSON.stringify(await response.json())).toContain('"actor":"bob"')
    // Half of a body, and one that is no JSON.
    await fetch(`${url}/sync/cart/push`, { method: 'POST', headers: { ...json, ...headers }, body: '{"Secret Lane' })
    const line = program.lines().find(({ requestId, status }) => requestId === 'from-the-proxy' && status === 200)
    expect(line).toMatchObject({
      msg: 'request',
      route: 'push',
      method: 'POST',
      log: 'cart',
      actor: 'bob',
      status: 200,
    })
    expect(program.said()).not.toMatch(new RegExp(`${token}|Secret Lane|Moved|Bearer`))
  })
  test('names a request itself where no proxy of its own stands in front', async () => {
    const { url } = await place.serve(['--store', 'memory:'])
    const response = await pushTo(url, [{ id: 'a' }], { headers: { 'x-request-id': 'mine' } })
    expect(response.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
  })
})

describe('tidelog serve, started wrongly', () => {
  const start = async (args: readonly string[], env: Record<string, string> = {}) => {
    const { code, said, lines } = await place.run(['serve', '--port', '0', ...args], env)
    const [line] = lines
    return `${code} ${line === undefined ? said.trimEnd() : line.msg}`
  }
  test('says in one line what is wrong, and what to do', async () => {
    writeFileSync(place.path('text.db'), 'This is not a database. '.repeat(100))
    writeFileSync(place.path('short'), 'ann short\n')
    writeFileSync(place.path('bare'), 'aaaaaaaaaaaaaaaaaaaaaaaa\n')
    writeFileSync(place.path('odd.mjs'), 'export default { authorise: () => true }')
    writeFileSync(place.path('own.mjs'), 'export default { authenticate: () => "ann", limits: { bodyBytes: 3 } }')
    writeFileSync(place.path('broken.mjs'), 'throw new Error("no such table")')
    const memory = ['--store', 'memory:']
    for (const [args, said] of [
      [[], '2 tidelog: --store is missing; see tidelog serve --help'],
      [['--store', 'mysql://x'], /^2 tidelog: --store is of no kind that is known; such as sqlite:/],
      [['--store', 'sqlite:'], /^2 tidelog: --store names no file/],
      [['--store', 'postgres://u:p#w@[/x'], /^2 tidelog: --store is no postgres:\/\/ address/],
      [['--store', 'nats://['], /^2 tidelog: --store is no nats:\/\/ address/],
      [['--store', 'nats://x?strams=1'], /^2 tidelog: --store has an unknown option: strams/],
      [['--store', 'sqlite:./no/such.db'], /^1 the log file \.\/no\/such\.db can't be opened: look whether/],
      [['--store', 'sqlite:./text.db'], /^1 the log file \.\/text\.db: it is no SQLite file/],
      [[...memory, '--static', 'none'], '2 tidelog: --static none is no folder'],
      [[...memory, '--cors', 'shop.example'], /^2 tidelog: --cors "shop.example" is no origin/],
      [[...memory, '--base-path', 'sync/'], /^2 tidelog: --base-path "sync\/" is no path/],
      [[...memory, '--token-file', 'none'], /^1 --token-file can't be read: ENOENT/],
      [[...memory, '--token-file', 'short'], '1 line 1 of short: a token has at least 16 characters'],
      [[...memory, '--token-file', 'bare'], '1 line 1 of bare is not a name, a space and a token'],
      [[...memory, '--config', 'none.mjs'], /^1 --config none.mjs can't be loaded: Cannot find module/],
      [[...memory, '--config', 'broken.mjs'], "1 --config broken.mjs can't be loaded: no such table"],
      [[...memory, '--config', 'odd.mjs'], /^1 --config odd.mjs has authorise, and only knows model, /],
      [[...memory, '--config', 'own.mjs'], '1 --config own.mjs: there is no limit bodyBytes'],
      [[...memory, '--host', '192.0.2.1'], '1 --host 192.0.2.1 is no address of this machine'],
      [
        ['--store', 'postgres://ann:pa55word@127.0.0.1:1/x'],
        /^1 postgres:\/\/ann@127.0.0.1:1\/x can't be used: .* --wait/,
      ],
    ] as const) {
      const line = await start(args)
      expect(line, line).toMatch(said)
      expect(line).not.toMatch(/\n|pa55word/)
    }
  })
  test('says what stands in two places', async () => {
    writeFileSync(place.path('own.mjs'), 'export default { authenticate: () => "ann" }')
    writeFileSync(place.path('tokens'), `ann ${'a'.repeat(16)}\n`)
    const line = await start(['--store', 'memory:', '--config', 'own.mjs', '--token-file', 'tokens'])
    expect(line).toBe('2 tidelog: authenticate stands in own.mjs, and --token-file is given: one of them has to go')
  })
  test('leaves a file of a newer format as it is', async () => {
    const { program } = await place.serve(['--store', 'sqlite:./log.db'])
    program.child.kill()
    await program.ended
    const db = new Database(place.path('log.db'))
    db.exec(`UPDATE meta SET value = 2 WHERE key = 'format'`)
    expect(await start(['--store', 'sqlite:./log.db'])).toMatch(
      /^1 .*log\.db has format 2, this version of tidelog knows 1/,
    )
    db.close()
  })
  test('says that a port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? String(address.port) : ''
    expect(await start(['--store', 'memory:', '--port', port])).toBe(
      `1 port ${port} of 127.0.0.1 is taken: stop what listens there, or choose another --port`,
    )
    expect(await start(['--store', 'memory:', '--metrics-port', port])).toMatch(/choose another --metrics-port$/)
    other.close()
  })
  test('says which package is missing', async () => {
    // Where the program lies nothing is installed but what it can't do without.
    const away = place.path('away')
    cpSync(dirname(file), away, { recursive: true })
    mkdirSync(join(away, 'node_modules'))
    const modules = fileURLToPath(new URL('../../node_modules', import.meta.url))
    symlinkSync(join(modules, '@remix-run'), join(away, 'node_modules', '@remix-run'))
    writeFileSync(join(away, 'package.json'), '{ "version": "0" }')
    const lone = new Place(join(away, 'entry.mjs'))
    for (const [url, name] of [
      ['sqlite:./log.db', 'libsql'],
      ['postgres://x/y', 'pg'],
      ['nats://x,nats://y?replicas=1', '@nats-io/transport-node and @nats-io/jetstream'],
    ] as const) {
      const { code, lines } = await lone.run(['serve', '--store', url])
      expect([code, lines[0]?.msg]).toEqual([
        1,
        expect.stringMatching(`needs ${name}: npm install ${name.replace(' and ', ' ')}$`),
      ])
    }
    const { program } = await lone.serve(['--store', 'memory:'])
    expect(program.said()).toContain('listening')
    await lone.remove()
  })
})

describe('tidelog serve, on a disk that is full', () => {
  test('answers 503, goes on reading, loses nothing, and writes again when there is room', async () => {
    const text = 'x'.repeat(200_000)
    const big = (id: string) => [{ id, events: [{ stream: 's', data: text }] }]
    // No file may grow beyond 2 MB (of 512 bytes each).
    const limited = place.path('limited.mjs')
    writeFileSync(
      limited,
      `import { spawn } from 'node:child_process'
       const child = spawn('sh', ['-c', 'ulimit -f 4096; exec "$@"', 'sh', process.execPath, ${JSON.stringify(file)}, ...process.argv.slice(2)], { stdio: 'inherit' })
       process.on('SIGTERM', () => child.kill()); child.on('exit', (code) => process.exit(code ?? 9))`,
    )
    const small = new Place(limited)
    const args = ['--store', `sqlite:${place.path('log.db')}`]
    const { program, url } = await small.serve(args)
    const acknowledged: string[] = []
    let refused: Response | undefined
    for (let i = 0; i < 30 && refused === undefined; i++) {
      const page = await pullFrom(url)
      const response = await pushTo(url, big(`c${i}`), { seen: page.through })
      if (response.status === 200) acknowledged.push(`c${i}`)
      else refused = response
    }
    expect(refused?.headers.get('retry-after')).toBe('5')
    expect(refused && (await problemOf(refused))).toBe('503 store-unavailable')
    expect((await pullFrom(url)).commits.map(({ id }) => id)).toEqual(acknowledged)
    const families = await metricsOf(url)
    const errors = families.get('tidelog_store_errors_total')?.samples ?? []
    expect(errors.filter(({ labels }) => labels.call === 'append').map(({ value }) => value)).toEqual([1])
    expect(program.lines().filter(({ level }) => level === 'error')).toMatchObject([
      { msg: 'the store can not be used' },
    ])
    program.child.kill()
    expect(await program.ended).toBe(0)
    await small.remove()
    const again = await place.serve(args)
    const { through } = await pullFrom(again.url)
    expect(through.position).toBe(acknowledged.length)
    expect((await pushTo(again.url, big('more'), { seen: through })).status).toBe(200)
    expect(existsSync(place.path('log.db'))).toBe(true)
  })
})
