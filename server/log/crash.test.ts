// Processes that die at any write: no event is skipped, and what is appended for one is there once.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unwrap } from 'tidelog'
import { openServerLog } from 'tidelog/server/log'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundle, type Running, run } from '../process.fixture.ts'
import { sqliteStore } from '../sqlite.ts'
import { office, placed } from './office.fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidelog-crash-'))
const started: Running[] = []
let file = ''
beforeAll(async () => {
  file = await bundle('log/clerk.fixture.ts')
}, 60_000)
afterAll(() => {
  for (const { child } of started) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const count = 30
const orders = Array.from({ length: count }, (_, at) => `${at}`)

async function prepare(path: string): Promise<void> {
  const store = sqliteStore(path)
  const log = openServerLog(office, { store })
  unwrap(await log.append(orders.map((order) => placed(order))))
  await log.close()
  await store.close()
}
/** What a process has said until its end. */
async function said(running: Running): Promise<readonly string[]> {
  started.push(running)
  const lines: string[] = []
  for (let line = await running.line(); line !== undefined; line = await running.line()) lines.push(line)
  await running.ended
  return lines
}
async function mustBeOnce(path: string, lines: readonly string[]): Promise<void> {
  const store = sqliteStore(path)
  const { commits } = await store.range('office', 0, { commitsMax: 1_000, bytesMax: 10_000_000 })
  const stored = commits.flatMap(({ text }): { type: string; data: { order: string } }[] => JSON.parse(text).events)
  for (const type of ['Letter', 'Published']) {
    const found = stored.filter((event) => event.type === type).map(({ data }) => data.order)
    expect([...found].sort()).toEqual([...orders].sort())
  }
  for (const order of orders) for (const what of ['asked', 'published']) expect(lines).toContain(`${what} ${order}`)
  await store.close()
}

test('processes that die before a write, or right behind one, skip no event and append each effect once', async () => {
  const path = join(folder, 'one.db')
  await prepare(path)
  const lines: string[] = []
  // The first writes of a process take locks; those that follow are effects and what is kept of them.
  for (const dieAt of [1, 2, 3, 5, 8, 13]) {
    for (const when of ['before', 'behind']) {
      const own = await said(run(file, [path, `${count}`, `${dieAt}`, when]))
      lines.push(...own)
    }
  }
  expect(lines).not.toContain('done')
  const rest = await said(run(file, [path, `${count}`]))
  expect(rest.at(-1)).toBe('done')
  await mustBeOnce(path, [...lines, ...rest])
}, 120_000)

test('two processes at once, one of which dies, append each effect once', async () => {
  const path = join(folder, 'two.db')
  await prepare(path)
  const both = await Promise.all([
    said(run(file, [path, `${count}`, '9', 'behind'])),
    said(run(file, [path, `${count}`])),
  ])
  expect(both[1].at(-1)).toBe('done')
  await mustBeOnce(path, both.flat())
}, 60_000)
