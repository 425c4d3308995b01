import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createServer, json, pullRequest } from './handler.fixture.ts'
import { type Listening, listen } from './node.ts'
import { nothing } from './sequence.ts'
import { serveStatic } from './static.ts'

let folder = ''
let server: Listening
let get: (path: string, headers?: Record<string, string>, method?: string) => Promise<Response>
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidelog-static-'))
  const root = join(folder, 'demo')
  mkdirSync(join(root, 'assets'), { recursive: true })
  mkdirSync(join(root, 'docs'))
  mkdirSync(join(folder, 'demo-secret'))
  for (const [name, text] of Object.entries({
    'demo/index.html': '<h1>shop</h1>',
    'demo/docs/index.html': '<h1>docs</h1>',
    'demo/sw.js': '1',
    'demo/manifest.webmanifest': '{}',
    'demo/assets/index-Bx3_d9-a.js': '2',
    'demo/assets/plain.js': '3',
    'demo/ä b.txt': '4',
    'demo/.env': 'secret',
    'secret.txt': 'secret',
    'demo-secret/x.txt': 'secret',
  }))
    writeFileSync(join(folder, name), text)
  symlinkSync(join(folder, 'secret.txt'), join(root, 'link.txt'))
  server = await listen({ handler: createServer().handler, port: 0, staticDir: root })
  const serve = serveStatic(root)
  get = (path, headers = {}, method = 'GET') => serve(new Request(`http://x${path}`, { headers, method }))
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

describe('a file', () => {
  test('comes with its type, and is asked for again unless its name holds its hash', async () => {
    const seen = async (path: string): Promise<unknown[]> => {
      const { status, headers } = await get(path)
      return [status, headers.get('content-type'), headers.get('cache-control')]
    }
    const forEver = 'public, max-age=31536000, immutable'
    expect(await seen('/')).toEqual([200, 'text/html; charset=utf-8', 'no-cache'])
    expect(await seen('/docs/')).toEqual([200, 'text/html; charset=utf-8', 'no-cache'])
    expect(await seen('/sw.js')).toEqual([200, 'text/javascript; charset=utf-8', 'no-cache'])
    expect(await seen('/manifest.webmanifest')).toEqual([200, 'application/manifest+json', 'no-cache'])
    expect(await seen('/assets/index-Bx3_d9-a.js')).toEqual([200, 'text/javascript; charset=utf-8', forEver])
    expect(await seen('/assets/plain.js')).toEqual([200, 'text/javascript; charset=utf-8', 'no-cache'])
    expect(await (await get('/%C3%A4%20b.txt')).text()).toBe('4')
  })
  test('that has not changed is not sent again', async () => {
    const etag = (await get('/sw.js')).headers.get('etag') ?? ''
    expect((await get('/sw.js', { 'if-none-match': etag })).status).toBe(304)
    expect((await get('/sw.js', { 'if-none-match': '"other"' })).status).toBe(200)
  })
  test('is given by GET and HEAD only', async () => {
    const head = await get('/sw.js', {}, 'HEAD')
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '1', ''])
    expect((await get('/sw.js', {}, 'POST')).status).toBe(405)
  })
  test('that is not there, is hidden, or lies outside of the folder is answered 404', async () => {
    const paths = [
      '/none.js',
      '/assets',
      '/assets/',
      '/.env',
      '/link.txt',
      '/%',
      '/%00',
      '/..%2fsecret.txt',
      '/..%5csecret.txt',
    ]
    for (const path of [
      ...paths,
      '/%2e%2e%2fsecret.txt',
      '/%2e%2e%2fdemo-secret/x.txt',
      '/assets/..%2f..%2fsecret.txt',
      '//secret.txt',
    ])
      expect((await get(path)).status, path).toBe(404)
  })
  test('outside of the folder is not to be had with raw paths either', async () => {
    for (const path of [
      '/../secret.txt',
      '/assets/../../secret.txt',
      '/..\\secret.txt',
      '//../secret.txt',
      '/./../secret.txt',
    ]) {
      const socket = connect(server.port, '127.0.0.1')
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
      let answer = ''
      socket.on('data', (chunk) => {
        answer += String(chunk)
      })
      await once(socket, 'close')
      expect(answer, path).toMatch(/^HTTP\/1\.1 404/)
      expect(answer).not.toContain('secret')
    }
  })
})

test('a folder is served beside the handler, which keeps its own paths', async () => {
  expect(await (await fetch(server.url)).text()).toBe('<h1>shop</h1>')
  const pull = new URL(pullRequest(nothing).url)
  expect(await (await fetch(server.url + pull.pathname + pull.search, { headers: json })).json()).toMatchObject({
    head: 0,
  })
  expect((await fetch(`${server.url}/sync/index.html`)).headers.get('content-type')).toBe('application/problem+json')
})
