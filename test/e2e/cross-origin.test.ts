// What browsers let pages of other sites do at an endpoint: the other half of the rules of origins.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright'
import { createSyncHandler, memoryStore } from 'tidelog/server'
import { type Listening, listen } from 'tidelog/server/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser } from './device.ts'

const commit = {
  id: 'A',
  contentId: 'A.p',
  time: '2026-01-01T00:00:00.000Z',
  events: [{ type: 'Noted', stream: 's', data: 1 }],
}
const seen = { position: 0, digest: '0'.repeat(16) }
const body = JSON.stringify({ protocol: 1, seen, commits: [commit] })

/** An empty page on an origin of its own. */
async function startSite(): Promise<{ readonly server: Server; readonly origin: string }> {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // Another site than the endpoint, not only another port.
  return { server, origin: `http://localhost:${(server.address() as AddressInfo).port}` }
}

let browser: Browser
let endpoint: Listening
let sites: Awaited<ReturnType<typeof startSite>>[]
const store = memoryStore()
const asked: string[] = []
beforeAll(async () => {
  sites = [await startSite(), await startSite()]
  const handler = createSyncHandler({
    store,
    cors: { origins: [String(sites[0]?.origin)], headers: ['app-version'] },
    authenticate: (request) => {
      asked.push(`${request.headers.get('origin')} ${request.method}`)
      return 'ann'
    },
    authorize: ({ log }) => (log === 'deleted' ? 'gone' : true),
  })
  endpoint = await listen({ handler, port: 0 })
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await endpoint?.close()
  for (const { server } of sites ?? []) server.close()
})

/** Tries all that a page can. Says what it got to see of each answer. */
async function tryAll(site: number): Promise<Readonly<Record<string, string>>> {
  const page = await browser.newPage()
  await page.goto(String(sites[site]?.origin))
  const seenByPage = await page.evaluate(
    async ({ url, body, query }) => {
      const headers = { 'tidelog-protocol': '1', 'content-type': 'application/json', 'app-version': '7' }
      const ask = async (path: string, init: RequestInit): Promise<string> => {
        try {
          const response = await fetch(`${url}/sync/${path}`, init)
          if (response.type === 'opaque') return 'opaque'
          const text = await response.text()
          return `${response.status} ${response.headers.get('tidelog-protocol')} ${text.length > 0}`
        } catch {
          return 'nothing'
        }
      }
      const event = (target: EventTarget, names: readonly string[]): Promise<string> =>
        new Promise((resolve) => {
          for (const name of names) target.addEventListener(name, () => resolve(name), { once: true })
        })
      const submit = async (enctype: string): Promise<string> => {
        const frame = document.body.appendChild(document.createElement('iframe'))
        frame.name = enctype
        const form = document.body.appendChild(document.createElement('form'))
        Object.assign(form, { action: `${url}/sync/notes/push`, method: 'post', enctype, target: enctype })
        const field = form.appendChild(document.createElement('input'))
        Object.assign(field, { name: body.slice(0, -1), value: '}' })
        form.submit()
        await event(frame, ['load'])
        try {
          return String(frame.contentDocument?.body.textContent ?? 'nothing')
        } catch {
          return 'nothing'
        }
      }
      const source = new EventSource(`${url}/sync/notes/live?${query}`)
      const image = new Image()
      image.src = `${url}/sync/notes/pull?${query}`
      const simple = { method: 'POST', body, mode: 'no-cors' } as const
      const result = {
        form: await submit('text/plain'),
        simple: await ask('notes/push', { ...simple, headers: { 'content-type': 'text/plain' } }),
        withCookies: await ask('notes/push', { ...simple, credentials: 'include' }),
        beacon: String(navigator.sendBeacon(`${url}/sync/notes/push`, body)),
        image: await event(image, ['load', 'error']),
        events: await event(source, ['open', 'error']),
        pull: await ask(`notes/pull?${query}`, { headers }),
        gone: await ask(`deleted/pull?${query}`, { headers }),
        credentials: await ask(`notes/pull?${query}`, { headers, credentials: 'include' }),
        otherHeader: await ask(`notes/pull?${query}`, { headers: { ...headers, 'x-other': '1' } }),
        push: await ask('notes/push', { method: 'POST', headers, body }),
      }
      source.close()
      return result
    },
    { url: endpoint.url, body, query: `position=0&digest=${seen.digest}` },
  )
  await page.close()
  return seenByPage
}
const simpleOnes = { form: 'nothing', simple: 'opaque', withCookies: 'opaque', image: 'error', events: 'error' }

test('a page of a site that is not listed reads nothing and pushes nothing, in any way that a browser has', async () => {
  expect(await tryAll(1)).toEqual({
    ...simpleOnes,
    beacon: 'true',
    pull: 'nothing',
    gone: 'nothing',
    credentials: 'nothing',
    otherHeader: 'nothing',
    push: 'nothing',
  })
  expect([(await store.head('notes')).position, asked]).toEqual([0, []])
})

test('a page of a listed site reads, pushes and is told why not, without cookies and with the headers that were named', async () => {
  expect(await tryAll(0)).toEqual({
    ...simpleOnes,
    beacon: 'true',
    pull: '200 1 true',
    gone: '410 1 true',
    credentials: 'nothing',
    otherHeader: 'nothing',
    push: '200 1 true',
  })
  expect((await store.head('notes')).position).toBe(1)
})
