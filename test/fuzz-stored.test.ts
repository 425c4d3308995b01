// Rows of the database as a worker finds them when it opens: written by this code, and damaged by a disk, an extension or a bug since.
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeText } from '../src/core/decode.ts'
import { hashText } from '../src/core/digest.ts'
import { takePage } from '../src/log/confirm.ts'
import { deciders } from '../src/log/deciders.fixture.ts'
import { callOf, commitOf, createBrowser, openTab, Sequence } from '../src/log/log.fixture.ts'
import { rebase, withdraw } from '../src/log/rebase.ts'
import { seal } from '../src/log/seal.ts'
import { putSnapshot } from '../src/log/snapshots.ts'
import { workerProtocol } from '../src/protocol/worker.ts'
import { openMemoryStore } from '../src/store/memory-store.ts'
import { MemoryChannels } from '../src/testing/memory-channels.ts'
import { MemoryLocks } from '../src/testing/memory-locks.ts'
import { seededRandom } from '../src/testing/seeded-random.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'
import { Host } from '../worker/host.ts'
import { mutated, mutatedBytes, mutatedJson, mutatedText } from './fuzz/mutate.ts'
import { fuzz, fuzzTimeoutMs, typed } from './fuzz/run.ts'

type Row = Readonly<Record<string, unknown>>
interface Entry {
  readonly key: number | readonly [string | number, number]
  readonly row: Row
}
type Tables = ReadonlyMap<string, readonly Entry[]>

/** Packs early, some of it small enough for one row and some spread over buckets. */
const sealing = { from: 4, max: 12, smallMax: 1, keptRows: 50, heldTextMin: 0 }

/** A device in the middle of its life: sealed and confirmed, pending, refused, withdrawn, and with a saved view. */
async function makeSynced(): Promise<Tables> {
  const browser = createBrowser()
  const { engine, append } = await openTab(browser, { deciders })
  const server = new Sequence()
  const pull = (id: string, events: readonly string[]) => takePage(engine, server.add(commitOf(id, events)))
  await append(callOf('own1', ['s1', 't2']), callOf('gone', ['u1']))
  await pull('f1', ['s1', 's2'])
  await pull('f2', ['t1'])
  await takePage(engine, server.add(commitOf('own1', ['s1', 't2'])))
  await withdraw(engine, 'gone')
  for (const id of ['f3', 'f4', 'f5', 'f6']) await pull(id, ['s1', 't1', 'u2'])
  await seal(engine, sealing)
  await seal(engine, { ...sealing, smallMax: 100, from: 1 })
  const after = engine.view.marker
  await append(callOf('beaten', ['s1'], { failIfEventsMatch: { tags: { on: 't' } }, after }))
  await pull('f7', ['t1'])
  await rebase(engine)
  await append(callOf('own2', ['s1']), callOf('own3', ['t1', 'u1'], { expectedVersion: 'any' }))
  await putSnapshot(engine, 'k', { position: 5, state: '{"state":[1]}', revision: engine.view.revision })
  return browser.database.tables as Tables
}

/** A device that is its own sequencer. */
async function makeLocal(): Promise<Tables> {
  const browser = createBrowser()
  const { engine, append } = await openTab(browser, { synced: false })
  for (let nth = 0; nth < 9; nth++) await append(callOf(`c${nth}`, ['s1', 't1', 'u2']))
  await seal(engine, sealing)
  for (let nth = 9; nth < 12; nth++) await append(callOf(`c${nth}`, ['s1', 't1']))
  return browser.database.tables as Tables
}

const databases = { synced: await makeSynced(), local: await makeLocal() } as const
const keyFields = new Set(['revision', 'last', 'bucket', 'group', 'chain', 'n'])
const isText = (value: unknown): value is string => typeof value === 'string'
const isJson = (text: string): boolean => {
  try {
    return typeof JSON.parse(text) === 'object'
  } catch {
    return false
  }
}

/** A row of which something is changed, but never its key: a store gives what lies under one. */
function anyChange(row: Row): fc.Arbitrary<Row> {
  const fields = Object.keys(row).filter((name) => !keyFields.has(name))
  const ofField = (name: string): fc.Arbitrary<Row> => {
    const value = row[name]
    const changed: fc.Arbitrary<unknown> =
      value instanceof Uint8Array
        ? anyPart(value)
        : isText(value) && isJson(value)
          ? mutatedJson(value)
          : anyText(value)
    return changed.map((by) => ({ ...row, [name]: by }))
  }
  const content = fields.filter((name) => name !== 'format' && name !== 'kind')
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...(content.length > 0 ? content : fields)).chain(ofField) },
    { weight: 1, arbitrary: fc.constantFrom(...fields).chain(ofField) },
    {
      weight: 1,
      arbitrary: mutated(Object.fromEntries(content.map((name) => [name, row[name]]))).map((by) => ({
        ...row,
        ...(by as object),
        ...Object.fromEntries([...keyFields].flatMap((name) => (name in row ? [[name, row[name]]] : []))),
      })),
    },
  )
}
const anyText = (value: unknown): fc.Arbitrary<unknown> =>
  isText(value) ? fc.oneof(mutatedText(value), mutated(value)) : mutated(value)
const anyPart = (part: Uint8Array): fc.Arbitrary<Uint8Array> => {
  const text = gunzipSync(part).toString()
  return fc.oneof(
    mutatedBytes(part),
    mutatedText(text).map((changed) => new Uint8Array(gzipSync(changed))),
  )
}

const hashOf = ({ checkpoint, hash }: Row): unknown => (isText(checkpoint) ? hashText(checkpoint) : hash)

interface Damage {
  readonly database: keyof typeof databases
  readonly store: string
  readonly at: number
  /** Absent: the row is gone. */
  readonly row: Row | undefined
}
/** One row of a store is damaged, or gone. */
const anyDamage = (isMeant: (store: string, row: Row) => boolean, name: readonly (keyof typeof databases)[]) => {
  const all = name.flatMap((database) =>
    [...databases[database]].flatMap(([store, entries]) =>
      entries.flatMap(({ row }, at) => (isMeant(store, row) ? [{ database, store, at, row }] : [])),
    ),
  )
  expect(all.length).toBeGreaterThan(0)
  return fc
    .constantFrom(...all)
    .chain(
      ({ row, ...place }): fc.Arbitrary<Damage> =>
        fc.oneof(
          { weight: 9, arbitrary: anyChange(row).map((changed) => ({ ...place, row: changed })) },
          { weight: 1, arbitrary: fc.constant({ ...place, row: undefined }) },
        ),
    )
}

/** The tables with the damage; what is not touched is shared, and must not change. */
function damagedTables({ database, store, at, row }: Damage): Map<string, Entry[]> {
  const tables = new Map([...databases[database]].map(([name, entries]) => [name, [...entries]]))
  const table = tables.get(store) ?? []
  const entry = table[at]
  if (entry !== undefined) table.splice(at, 1, ...(row === undefined ? [] : [{ ...entry, row }]))
  return tables
}

function hostOver(tables: Map<string, Entry[]>): Host {
  const clock = new VirtualClock()
  const channels = new MemoryChannels()
  const store = () => openMemoryStore({ identity: 'db', tables: tables as never }, { durable: true })
  return new Host(
    {
      clock,
      random: seededRandom(3),
      locks: new MemoryLocks(clock),
      fetch: async () => new Response(null, { status: 503 }),
      openChannel: channels.open,
      openStore: async () => store(),
      openFallback: store,
    },
    // Nothing is packed or pruned, so that what is on disk must stay as it is.
    { sealing: { ...sealing, from: 1e6, keptRows: 1e6 } },
  )
}

/** Whether a row has the outer shape of its kind: what was JSON text still is. */
const isRow = ({ database, store, at, row }: Damage): boolean => {
  const before = databases[database].get(store)?.[at]?.row ?? {}
  return Object.entries(before).every(([name, value]) => {
    if (name === 'kind' || name === 'format') return row?.[name] === value
    const now = row?.[name]
    return !isText(value) || !isJson(value) || (isText(now) && isJson(now))
  })
}

/** Opens it, reads, and writes; true where the row had its outer shape. */
async function live(damage: Damage): Promise<boolean> {
  const tables = damagedTables(damage)
  const before = new Map([...tables].map(([name, entries]) => [name, [...entries]]))
  const host = hostOver(tables)
  const opened = await typed(
    host.open({
      protocol: workerProtocol,
      log: 'shop',
      key: '',
      durability: 'relaxed',
      requireDurable: true,
      retentions: {},
      aliveLock: 'alive',
      ...(damage.database === 'synced' && { syncUrl: 'https://example.com/sync/shop' }),
    }),
  )
  if (opened?.ok === true) {
    await typed(readOn(host, {}))
    await typed(readOn(host, { stream: 's' }))
    await typed(readOn(host, { query: { types: ['T1'], tags: { on: 't' } }, direction: 'backwards' }))
    await typed(host.heads(['s', 't', 'u']))
    await typed(host.listDeadLetters())
    await typed(host.getSnapshot('k'))
    for (const id of ['beaten', 'gone', 'own2', 'f2', 'c2']) await typed(host.commitState(id))
    await typed(host.append([callOf('new', ['s1'], { expectedVersion: 'exists' }), callOf('free', ['z1'])]))
  }
  await typed(host.close())
  const isThere = (name: string, entry: Entry): boolean => tables.get(name)?.includes(entry) === true
  for (const name of ['log', 'dir'] as const)
    expect(before.get(name)?.filter((entry) => !isThere(name, entry))).toEqual([])
  // What was written since stands behind what was there.
  expect(tables.get('writes')?.slice(0, before.get('writes')?.length)).toEqual(before.get('writes'))
  return isRow(damage)
}

/** A whole read, as the page makes it: page by page, and decoded. */
async function readOn(host: Host, options: Parameters<Host['read']>[0]['options']): Promise<void> {
  for (let more: { readonly cursor?: number; readonly through?: number } = {}; ; ) {
    const answer = await host.read({ options, ...more })
    decodeText({}, answer.events)
    JSON.parse(answer.pending)
    if (answer.cursor === undefined) return
    more = { cursor: answer.cursor, through: answer.through }
  }
}

describe('a database of which one row is damaged or gone opens, or says why it can not', {
  timeout: fuzzTimeoutMs,
}, () => {
  test('a write', async () => {
    const damage = anyDamage((store) => store === 'writes', ['synced', 'local'])
    await fuzz('row-of-writes', damage, live)
  })
  test('confirmed commits', async () => {
    const damage = anyDamage((store, row) => store === 'log' && 'commits' in row, ['synced'])
    await fuzz('row-of-log', damage, live)
  })
  test('a part of a segment', async () => {
    const damage = anyDamage((_store, row) => 'part' in row, ['synced', 'local'])
    await fuzz('part-of-segment', damage, live)
  })
  test('a directory', async () => {
    const damage = anyDamage((_store, row) => 'directory' in row, ['synced', 'local'])
    await fuzz('directory', damage, live)
  })
  test('a checkpoint', async () => {
    const damage = anyDamage((_store, row) => row.chain === 'checkpoint', ['synced', 'local'])
    // One whose hash does not fit is refused at once: what comes past it is looked at.
    const fitting = damage.map(({ row, ...place }) => ({ ...place, row: row && { ...row, hash: hashOf(row) } }))
    await fuzz('checkpoint', fitting, live)
  })
  test('a letter, a snapshot, and what sync remembers', async () => {
    const chains = /^(dead|settled|snapshot)\/|^sync$/
    const damage = anyDamage((store, row) => store === 'state' && chains.test(String(row.chain)), ['synced'])
    await fuzz('row-of-state', damage, live)
  })
})
