import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { json, runOf } from './handler.fixture.ts'
import { bundle, type Running, run } from './process.fixture.ts'

let bundled = ''
let folder = ''
const running: Running[] = []
beforeAll(async () => {
  bundled = await bundle('main.ts')
})
// A package as it is after a build: the program finds the demo from where it lies itself.
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidelog-main-'))
  mkdirSync(join(folder, 'dist', 'server'), { recursive: true })
  mkdirSync(join(folder, '.build', 'demo'), { recursive: true })
  copyFileSync(bundled, join(folder, 'dist', 'server', 'main.js'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, '.build', 'demo', 'index.html'), '<h1>shop</h1>')
  symlinkSync(fileURLToPath(new URL('../node_modules', import.meta.url)), join(folder, 'node_modules'))
})
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
  rmSync(folder, { recursive: true })
})
const start = (env: Record<string, string> = {}): Running => {
  const started = run(join(folder, 'dist', 'server', 'main.js'), [], { cwd: folder, env: { PORT: '0', ...env } })
  running.push(started)
  return started
}
const addressOf = async ({ line }: Running): Promise<string> =>
  /^tidelog demo: (http:\/\/127\.0\.0\.1:\d+)$/.exec((await line()) ?? '')?.[1] ?? ''
const push = (url: string, id: string): Promise<Response> =>
  fetch(`${url}/sync/cart/push`, { method: 'POST', headers: json, body: JSON.stringify(runOf([{ id }])) })

describe('the program', () => {
  test('prints its address, serves demo and sync, keeps its data over a stop, and ends cleanly', async () => {
    const first = start()
    const url = await addressOf(first)
    expect(await (await fetch(url)).text()).toBe('<h1>shop</h1>')
    expect(await (await push(url, 'A')).json()).toMatchObject({ verdicts: [{ verdict: 'accepted' }] })
    const segments = await fetch(`${url}/sync/cart/segments`, { headers: json })
    expect(await segments.json()).toEqual({ protocol: 1, segments: [] })
    first.child.kill('SIGTERM')
    expect([await first.ended, first.said()]).toEqual([0, ''])
    const second = start()
    expect(await (await push(await addressOf(second), 'A')).json()).toMatchObject({
      verdicts: [{ verdict: 'duplicate' }],
    })
    second.child.kill('SIGINT')
    expect(await second.ended).toBe(0)
  })
  test('keeps what it acknowledged when it is killed', async () => {
    const first = start({ TIDELOG_DATA: join(folder, 'elsewhere') })
    await (await push(await addressOf(first), 'A')).json()
    first.child.kill('SIGKILL')
    await first.ended
    const second = start({ TIDELOG_DATA: join(folder, 'elsewhere') })
    expect(await (await push(await addressOf(second), 'A')).json()).toMatchObject({
      verdicts: [{ verdict: 'duplicate' }],
    })
  })
  test('takes the next port when the one it was given is taken, and says so', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const program = start({ PORT: String(port) })
    const url = await addressOf(program)
    expect(Number(new URL(url).port)).toBeGreaterThan(port)
    expect(program.said()).toContain(`port ${port} is taken, trying ${port + 1}\n`)
    other.close()
  })
  test('says what is missing', async () => {
    const wrongPort = start({ PORT: 'http' })
    expect([await wrongPort.ended, wrongPort.said()]).toEqual([1, 'tidelog: PORT is "http", not 0 to 65535\n'])
    rmSync(join(folder, '.build'), { recursive: true })
    const unbuilt = start()
    expect([await unbuilt.ended, unbuilt.said()]).toEqual([
      1,
      'tidelog: the demo is not built: run `npm run build` first\n',
    ])
  })
})
