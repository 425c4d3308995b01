import { expect, test, vi } from 'vitest'
import { takePage } from '../log/confirm.ts'
import {
  callOf,
  commitOf,
  createBrowser,
  openTab,
  quiet,
  readWhole,
  Sequence,
  type Tab,
  versioned,
} from '../log/log.fixture.ts'
import { withdraw } from '../log/rebase.ts'
import { fail, type Running, run, type ScriptedServer } from './pump.fixture.ts'

vi.mock('../segments/gzip.ts', () => import('../segments/gzip.fixture.ts'))

/** Commits of two events each, in two streams. */
const fill = (server: ScriptedServer, from: number, count: number): void => {
  for (let nth = from; nth < from + count; nth++) server.put(commitOf(`c${nth}`, ['s1', nth % 2 === 0 ? 't1' : 's2']))
}
/** Two segments of six events, and four events behind them. */
const fillTwoSegments = (server: ScriptedServer): void => {
  server.downloadFrom = 5
  fill(server, 0, 3)
  server.seal()
  fill(server, 3, 3)
  server.seal()
  fill(server, 6, 2)
}
const idsOf = async ({ reader }: Tab): Promise<readonly string[]> =>
  (await readWhole(reader, {})).map(({ commitId, version, position }) => `${position} ${commitId} ${version}`)
const pulledIds = async (server: ScriptedServer): Promise<readonly string[]> => {
  const other = await run((own) => {
    for (const commit of server.log.commits) own.put(commit)
  })
  return idsOf(other.tab)
}
const segmentsOf = ({ tab }: Running): readonly string[] =>
  tab.engine.view.sealed.segments.map(({ first, last }) => `${first}-${last}`)

test('a device that is far behind takes the segments as they are, and pulls the rest', async () => {
  const device = await run(fillTwoSegments)
  const { asked } = device.server
  expect(asked).toEqual(['pull 0', 'segments', 'segment 1', 'segment 7', 'pull 12', 'pull 14', 'live'])
  expect(segmentsOf(device)).toEqual(['1-6', '7-12'])
  expect(await idsOf(device.tab)).toEqual(await pulledIds(device.server))
  const later = await openTab(device.browser)
  expect(await idsOf(later)).toEqual(await idsOf(device.tab))
})

test('a device that is nearly up to date pulls', async () => {
  const device = await run((server) => {
    fillTwoSegments(server)
    server.downloadFrom = 17
  })
  expect(device.server.asked).not.toContain('segments')
  expect(await idsOf(device.tab)).toEqual(await pulledIds(device.server))
})

test('a download that breaks off goes on where it was', async () => {
  const device = await run((server) => {
    fillTwoSegments(server)
    server.downloads.push(
      () => server.file(1),
      fail('waiting'),
      () => server.file(7),
    )
  })
  expect(device.link()).toMatchObject({ state: 'waiting', failures: 1 })
  expect(device.tab.engine.view.confirmed.head.position).toBe(6)
  await device.pass(60_000)
  expect(device.server.asked.filter((path) => path.startsWith('segment '))).toEqual([
    'segment 1',
    'segment 7',
    'segment 7',
  ])
  expect(await idsOf(device.tab)).toEqual(await pulledIds(device.server))
})

test('what is downloaded in vain again and again is pulled in the end', async () => {
  const device = await run((server) => {
    fillTwoSegments(server)
    server.downloads.push(fail('waiting'), fail('waiting'), fail('waiting'))
  })
  expect(device.link()).toMatchObject({ state: 'waiting', failures: 1 })
  await device.pass(60_000)
  expect(device.link()).toMatchObject({ state: 'live', failures: 0 })
  expect(device.server.asked.filter((path) => path === 'segment 1')).toHaveLength(3)
  expect(segmentsOf(device)).toEqual([])
  expect(await idsOf(device.tab)).toEqual(await pulledIds(device.server))
})

test('refused credentials end a download as they end everything', async () => {
  const device = await run((server) => {
    fillTwoSegments(server)
    server.downloads.push(fail('needs-credentials'))
  })
  expect(device.link()).toMatchObject({ state: 'needs-credentials' })
})

test('a device in the middle of a segment pulls to its end, seals that, and takes the next one', async () => {
  const device = await run(async (server, tab) => {
    server.downloadFrom = 5
    const page = server.put(commitOf('a', ['s1', 't1']))
    await takePage(tab.engine, page)
    fill(server, 0, 2)
    server.seal()
    fill(server, 2, 3)
    server.seal()
    fill(server, 5, 1)
  })
  expect(segmentsOf(device)).toEqual(['1-6', '7-12'])
  expect(device.server.asked).not.toContain('segment 1')
  expect(device.server.asked).toContain('segment 7')
  expect(await idsOf(device.tab)).toEqual(await pulledIds(device.server))
})

test('what the server no longer has, or gives in another form, is pulled', async () => {
  const device = await run((server) => {
    fillTwoSegments(server)
    server.downloads.push(() => undefined)
  })
  expect(segmentsOf(device)).toEqual([])
  expect(await idsOf(device.tab)).toEqual(await pulledIds(device.server))
})

test('a list that does not continue the log is of another log', async () => {
  const device = await run(async (server, tab) => {
    await takePage(tab.engine, new Sequence().add(commitOf('other', ['s1', 't1', 's1', 't1', 's1', 't1'])))
    fillTwoSegments(server)
    // A server that does not look at what the device has seen.
    server.pulls.push(() => ({ ...server.log.add(), after: tab.engine.view.confirmed.head }))
  })
  expect(device.link().state).toBe('diverged')
})

test('a segment in which a pending commit is confirmed is pulled', async () => {
  const device = await run(async (server, tab) => {
    await tab.append(callOf('mine', ['s1']))
    server.downloadFrom = 5
    server.put(commitOf('mine', ['s1']))
    fill(server, 0, 3)
    server.seal()
  })
  expect(device.tab.engine.view.pending.size).toBe(0)
  expect(segmentsOf(device)).toEqual([])
  expect(await idsOf(device.tab)).toEqual(await pulledIds(device.server))
})

test('a segment that a pending commit’s condition looks at is pulled, and the commit looked at again', async () => {
  const device = await run(async (server, tab) => {
    await tab.append(versioned('mine', 's1', 0))
    fillTwoSegments(server)
  })
  const { view } = device.tab.engine
  expect(view.pending.size).toBe(0)
  expect([...view.dead]).toEqual(['mine'])
})

test('pending commits that no segment touches stay as they are and follow it', async () => {
  const device = await run(async (server, tab) => {
    await tab.append(versioned('mine', 'u1', 0), callOf('free', ['s1']))
    fillTwoSegments(server)
  })
  expect(segmentsOf(device)).toEqual(['1-6', '7-12'])
  expect(device.server.log.commits.map(({ id }) => id).slice(-2)).toEqual(['mine', 'free'])
  expect(await idsOf(device.tab)).toEqual(await pulledIds(device.server))
})

test('a segment with a commit that was withdrawn here is pulled', async () => {
  const device = await run(async (server, tab) => {
    await tab.append(callOf('mine', ['s1']))
    await withdraw(tab.engine, 'mine')
    server.downloadFrom = 5
    server.put(commitOf('mine', ['s1']))
    fill(server, 0, 3)
    server.seal()
  })
  expect(segmentsOf(device)).toEqual([])
  expect(device.tab.engine.view.settled.has('mine')).toBe(false)
})

test('what a marker has seen of a segment is told by the write that brought it', async () => {
  const browser = createBrowser()
  const device = await run(fillTwoSegments, false, browser)
  const { reader, engine } = device.tab
  const { head } = await reader.read({ options: {} })
  await takePage(engine, device.server.put(commitOf('new', ['s1'])))
  expect((await readWhole(reader, { after: head })).map(({ commitId }) => commitId)).toEqual(['new'])
  expect(await readWhole(reader, { after: { ...head, revision: 1, confirmed: 6 } })).toHaveLength(11)
})

test('another tab that missed every notice finds the segments', async () => {
  const browser = createBrowser()
  const early = await openTab(browser)
  browser.channels.isLost = () => true
  const device = await run(fillTwoSegments, false, browser)
  await early.engine.catchUp()
  await quiet()
  expect(await idsOf(early)).toEqual(await idsOf(device.tab))
})

test('a device that is far behind hears at once how far, before anything has come', async () => {
  const device = await run((server) => {
    server.put(
      commitOf(
        'large',
        Array.from({ length: 1_200 }, () => 's1'),
      ),
    )
    server.downloadFrom = 100
    server.seal()
    server.downloads.push(fail('waiting'))
  })
  expect(device.link()).toMatchObject({ state: 'waiting', serverHead: 1_200 })
  expect(device.heads()).toContainEqual(['working', 1_200])
})
