// What comes over the wire: requests at a server, answers and live messages at a device. Either side may be of another version, behind
// something that changes what it passes on, or not what it says it is.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ask } from '../server/fuzz.fixture.ts'
import { createServer, origin, pushRequest, runOf } from '../server/handler.fixture.ts'
import { memoryStore } from '../server/memory-store.ts'
import { takePage } from '../src/log/confirm.ts'
import { callOf, commitOf, createBrowser, openTab, readWhole, Sequence, type Tab } from '../src/log/log.fixture.ts'
import {
  isLiveHead,
  isManifest,
  isPullAnswer,
  isPullPage,
  isPushAnswer,
  isPushEnvelope,
  type PullPage,
} from '../src/protocol/sync.ts'
import { Downloads } from '../src/sync/download.ts'
import { Exchange } from '../src/sync/exchange.ts'
import { createHttpTransport } from '../src/sync/http-transport.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'
import { mutated, nearly } from './fuzz/mutate.ts'
import { fuzz, fuzzTimeoutMs, typed } from './fuzz/run.ts'

const never = new AbortController().signal
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

describe('a server that is asked', { timeout: fuzzTimeoutMs }, () => {
  const valid = JSON.stringify(
    runOf([
      {
        id: 'A',
        events: [{ stream: 's', tags: ['k:1'] }],
        condition: { streams: ['s'], query: [{ types: ['T'], tags: ['k:1'] }] },
      },
      { id: 'B', events: [{ stream: 't', v: 1 }, { stream: 'u' }] },
    ]),
  )
  test('anything that is nearly a push answers, stores whole commits or nothing, and still serves', async () => {
    await fuzz('push-request', nearly(valid, isPushEnvelope), async (body) => {
      expect([200, 400, 413, 426]).toContain(await ask(memoryStore(), pushRequest(body)))
      return isPushEnvelope(parse(body))
    })
  })
})

/** What stands between a device and its server, and changes one of the answers that are of a kind. */
interface Change {
  readonly path: string
  /** Which of them, from 0. */
  readonly nth: number
  readonly change: (text: string) => string
}

/** A device with two commits of its own, and a server with others, which can answer whatever is asked. */
async function meet({ path, nth, change }: Change) {
  const store = memoryStore()
  const { handler } = createServer({ store })
  const foreign = [commitOf('f1', ['s1', 't1']), commitOf('f2', ['s2'])].map(
    ({ condition: _none, ...commit }) => commit,
  )
  const sequence = new Sequence()
  await handler(pushRequest({ protocol: 1, seen: sequence.head, commits: foreign }))
  const tab = await openTab(createBrowser())
  await tab.append(callOf('own1', ['s1']), callOf('own2', ['u1'], { failIfEventsMatch: { tags: { on: 'u' } } }))
  let left = nth
  const fetch = async (request: Request): Promise<Response> => {
    const answer = await handler(new Request(request))
    if (!new URL(request.url).pathname.endsWith(path) || left-- !== 0) return answer
    return new Response(change(await answer.text()), { status: answer.status, headers: answer.headers })
  }
  const clock = new VirtualClock()
  const transport = createHttpTransport({ url: `${origin}/sync/cart`, clock, headers: () => ({}), fetch })
  const downloads = new Downloads(tab.engine, transport, 1)
  return { tab, transport, exchange: new Exchange(tab.engine, transport, () => {}, downloads) }
}

/** Whatever came: what this device has appended is somewhere, and what is on disk is what its view says. */
async function mustBeWhole(tab: Tab): Promise<void> {
  const { view, store } = tab.engine
  for (const id of ['own1', 'own2']) {
    const isPending = view.pending.get(id) !== undefined
    const isThere = isPending || view.dead.has(id) || (await view.positionOf(id)) !== undefined
    expect(isThere).toBe(true)
  }
  const again = await openTab({ ...createBrowser(), database: await copyOf(store) })
  expect(again.engine.view.confirmed.head).toEqual(view.confirmed.head)
  expect(await readWhole(again.reader, {})).toEqual(await readWhole(tab.reader, {}))
}
async function copyOf(store: Tab['engine']['store']) {
  const browser = createBrowser()
  const copy = await openTab(browser)
  const names = ['writes', 'log', 'dir', 'state'] as const
  for (const name of names) {
    const [rows] = await store.run([{ op: 'range', store: name }])
    for (const row of rows) await copy.engine.store.run([{ op: 'put', store: name, row } as never], { write: true })
  }
  return browser.database
}

/** An answer of a server as it is given, taken from a meeting in which nothing is changed. */
async function answerOf(path: string, nth = 0): Promise<string> {
  let found = ''
  const { exchange } = await meet({
    path,
    nth,
    change: (text) => {
      found = text
      return text
    },
  })
  await exchange.run(never)
  expect(found).not.toBe('')
  return found
}
const afterwards = async ({ tab, exchange }: Awaited<ReturnType<typeof meet>>): Promise<void> => {
  await typed(exchange.run(never))
  await mustBeWhole(tab)
  await typed(exchange.run(never))
  await mustBeWhole(tab)
}

describe('a device that is answered', { timeout: fuzzTimeoutMs }, () => {
  test('anything that is nearly a page of a pull keeps what it has', async () => {
    const page = await answerOf('/pull')
    await fuzz('pull-answer', nearly(page, isPullAnswer), async (text) => {
      await afterwards(await meet({ path: '/pull', nth: 0, change: () => text }))
      return isPullAnswer(parse(text))
    })
  })

  test('anything that is nearly verdicts keeps what it has', async () => {
    const verdicts = await answerOf('/push')
    await fuzz('push-answer', nearly(verdicts, isPushAnswer), async (text) => {
      await afterwards(await meet({ path: '/push', nth: 0, change: () => text }))
      return isPushAnswer(parse(text))
    })
  })

  test('anything that is nearly a list of segments follows the log all the same', async () => {
    const listed = { first: 1, last: 3, digest: '0123456789abcdef', hash: 'ab'.repeat(32), bytes: 700 }
    const next = { ...listed, first: 4, last: 9, hash: 'cd'.repeat(32) }
    await fuzz(
      'manifest',
      nearly(JSON.stringify({ protocol: 1, segments: [listed, next] }), isManifest),
      async (text) => {
        await afterwards(await meet({ path: '/segments', nth: 0, change: () => text }))
        return isManifest(parse(text))
      },
    )
  })

  test('any live stream takes pages that follow its log, and nothing else', async () => {
    const sequence = new Sequence()
    const page = sequence.add(commitOf('f1', ['s1', 't1']), commitOf('f2', ['s2']))
    const messages = fc.oneof(
      nearly(JSON.stringify(page), isPullPage).map((data) => ['page', data] as const),
      mutated({ protocol: 1, head: 3 }).map((data) => ['head', JSON.stringify(data) ?? ''] as const),
    )
    await fuzz('live-message', messages, async ([name, data]) => {
      const tab = await openTab(createBrowser())
      await tab.append(callOf('own1', ['s1']), callOf('own2', ['u1']))
      const frames = `: hello\n\nevent: ${name}\n${data.replaceAll(/^/gm, 'data: ')}\n\n`
      const headers = { 'content-type': 'text/event-stream', 'tidelog-protocol': '1' }
      const transport = createHttpTransport({
        url: `${origin}/sync/cart`,
        clock: new VirtualClock(),
        headers: () => ({}),
        fetch: async () => new Response(frames, { headers }),
      })
      const pages: PullPage[] = []
      const hear = ({ page: heard }: { readonly page?: PullPage }): void => {
        if (heard !== undefined) pages.push(heard)
      }
      await typed(transport.live(tab.engine.view.confirmed.head, hear, never))
      for (const heard of pages) await typed(takePage(tab.engine, heard))
      await mustBeWhole(tab)
      const value = parse(data)
      return name === 'page' ? isPullPage(value) : isLiveHead(value)
    })
  })
})
