import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Seen } from '../../src/protocol/sync.ts'
import { memoryStore } from '../memory-store.ts'
import { nothing, sequence } from '../sequence.ts'
import { sqliteStore } from '../sqlite-store.ts'
import type { LogStore, SequencedCommit } from '../store.ts'
import { writeBackup } from './backup.ts'
import { bundleCli, Place, pushTo } from './cli.fixture.ts'
import { checkBackup, restoreBackup } from './restore.ts'

let bundled = ''
let place: Place
// Many processes are started, one after the other.
vi.setConfig({ testTimeout: 60_000 })
beforeAll(async () => {
  bundled = await bundleCli('backup')
})
beforeEach(() => {
  place = new Place(bundled)
})
afterEach(() => place.remove())

const everything = { commitsMax: 10_000_000, bytesMax: 10_000_000_000 }
const idle = new AbortController().signal

/** A commit of `count` events as it is stored. */
const textOf = (id: string, count = 1, data: unknown = null): string =>
  JSON.stringify({
    id,
    contentId: `${id}.p`,
    time: '2026-01-01T00:00:00.000Z',
    events: Array.from({ length: count }, () => ({ type: 'Noted', stream: 's', data })),
  })

async function fill(store: LogStore, texts: readonly string[], log = 'cart'): Promise<Seen> {
  const head = await store.head(log)
  const placeable = texts.map((text) => {
    const { id, contentId, events }: { id: string; contentId: string; events: unknown[] } = JSON.parse(text)
    return { id, contentId, eventsCount: events.length, text }
  })
  await store.append(log, head.position, sequence(placeable, head))
  return store.head(log)
}

const odd = [
  textOf('a'),
  textOf('b', 3, { text: 'line\u2028end\u0000 ü 🚢 "}' }),
  // As nobody writes it today: spaces, an order of its own, a field that is unknown here.
  '{"contentId":"c.p", "id":"c","time":"2026-01-01T00:00:00.000Z","x":1,"events":[{"stream":"s","type":"T","data":null,"isErased":true}]}',
  textOf('d', 2, 'x'.repeat(300_000)),
]

async function backedUp(texts: readonly string[], name = 'log.backup.gz') {
  const store = memoryStore()
  const head = await fill(store, texts)
  const to = place.path(name)
  await writeBackup(store, 'cart', head, to, idle)
  return { store, head, to }
}

async function restoreInto(store: LogStore, from: string, isResumed = false, log = 'cart') {
  const file = await open(from)
  try {
    const checked = await checkBackup(file, from)
    await restoreBackup({ store, log, file, from, isResumed, signal: idle })
    return checked
  } finally {
    await file.close()
  }
}
const all = async (store: LogStore): Promise<readonly SequencedCommit[]> =>
  (await store.range('cart', 0, everything)).commits

describe('a backup', () => {
  test('brings back the same log, byte for byte, with the same digest', async () => {
    const { store, head, to } = await backedUp(odd)
    const restored = memoryStore()
    expect(await restoreInto(restored, to)).toMatchObject({ log: 'cart', end: head, commits: 4 })
    expect((await all(restored)).map(({ text }) => text)).toEqual(odd)
    expect((await all(restored)).map(({ digest, first, last }) => ({ digest, first, last }))).toEqual(
      (await all(store)).map(({ digest, first, last }) => ({ digest, first, last })),
    )
    expect(await restored.head('cart')).toEqual(head)
  })
  test('holds nothing of what came after it was begun', async () => {
    const store = memoryStore()
    const head = await fill(store, odd)
    await fill(store, [textOf('later', 5)])
    await writeBackup(store, 'cart', head, place.path('x'), idle)
    expect(await restoreInto(memoryStore(), place.path('x'))).toMatchObject({ end: head })
  })
  test('can be read by anybody with gzip and JSON', async () => {
    const { to, head } = await backedUp([textOf('a'), textOf('b', 2)])
    const lines = gunzipSync(readFileSync(to))
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toMatchObject([
      { format: 'tidelog-backup', version: 1, log: 'cart' },
      { first: 1, last: 1, commit: { id: 'a' } },
      { first: 2, last: 3, commit: { id: 'b' } },
      { end: { ...head, commits: 2 }, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ])
  })
  test('of a log that is damaged is not made', async () => {
    const store = memoryStore()
    await fill(store, odd)
    const wrong: LogStore = {
      ...store,
      range: async (...given) => {
        const page = await store.range(...given)
        return { ...page, commits: page.commits.filter(({ id }) => id !== 'b') }
      },
    }
    await expect(writeBackup(wrong, 'cart', await store.head('cart'), place.path('x'), idle)).rejects.toThrow(
      /damaged behind position 1/,
    )
    for (const spoil of [(text: string) => text.slice(1), (text: string) => text.replace('"id":"b"', '"id":"x"')]) {
      const spoilt: LogStore = {
        ...store,
        range: async (...given) => {
          const page = await store.range(...given)
          return {
            ...page,
            commits: page.commits.map((one) => ({ ...one, text: one.id === 'b' ? spoil(one.text) : one.text })),
          }
        },
      }
      await expect(writeBackup(spoilt, 'cart', await store.head('cart'), place.path('x'), idle)).rejects.toThrow(
        /damaged behind position 1/,
      )
    }
    expect(readdirSync(place.folder)).toEqual([])
  })
})

describe('a file that is not as it was written', () => {
  /** What is said of it; nothing is written. */
  const refusal = async (bytes: Uint8Array): Promise<string> => {
    const path = place.path('bad')
    writeFileSync(path, bytes)
    const store = memoryStore()
    const said = await restoreInto(store, path).then(
      () => 'restored',
      (error: Error) => error.message,
    )
    expect((await store.head('cart')).position).toBe(0)
    return said.replace(`${path} can't be restored: `, '')
  }
  test('is refused wherever it was cut', async () => {
    const bytes = readFileSync((await backedUp(odd)).to)
    for (const length of [0, 1, 10, 100, bytes.length >> 1, bytes.length - 9, bytes.length - 8, bytes.length - 1])
      expect(await refusal(bytes.subarray(0, length)), String(length)).toBe('it is cut short')
    const text = gunzipSync(bytes)
    for (const [at, byte] of text.entries())
      if (byte === 10 && at < text.length - 1)
        expect(await refusal(gzipSync(text.subarray(0, at + 1)))).toBe('it is cut short')
    expect(await refusal(gzipSync(text.subarray(0, -1)))).toBe('it is cut short')
  })
  test('is refused wherever a bit was turned', async () => {
    const bytes = readFileSync((await backedUp([textOf('a'), textOf('b', 2, 'abc')])).to)
    const isSame = (turned: Uint8Array): boolean => {
      try {
        return gunzipSync(turned).equals(gunzipSync(bytes))
      } catch {
        return false
      }
    }
    let harmless = 0
    for (let at = 0; at < bytes.length; at++) {
      const turned = Uint8Array.from(bytes)
      turned[at] = (turned[at] ?? 0) ^ 0x10
      // The header of gzip has a time and a system, and its last block may end within a byte.
      if (isSame(turned)) harmless++
      else expect(await refusal(turned), `byte ${at}`).toMatch(/^its? /)
    }
    expect(harmless).toBeLessThanOrEqual(7)
  })
  test('is refused whatever was changed in its lines', async () => {
    const text = gunzipSync(readFileSync((await backedUp(odd)).to)).toString()
    const changed = (from: string | RegExp, to: string): Uint8Array => {
      expect(text.replace(from, to)).not.toBe(text)
      return gzipSync(text.replace(from, to))
    }
    const [header = '', first = '', second = ''] = text.split('\n')
    for (const [bytes, said] of [
      [changed('🚢', '🛶'), 'its checksum is not that of its content'],
      [changed(/"sha256":"./, '"sha256":"x'), 'its checksum is not that of its content'],
      [changed('"commits":4', '"commits":5'), 'its checksum is not that of its content'],
      [changed('"id":"b"', '"id":"e"'), 'it is damaged behind position 1'],
      [changed(`${first}\n${second}`, `${second}\n${first}`), 'it is damaged behind position 0'],
      [changed(`${second}\n`, ''), 'it is damaged behind position 1'],
      [changed(`${second}\n`, `${second}\n${second}\n`), 'it is damaged behind position 4'],
      [changed(`${header}\n`, ''), 'it is no backup'],
      [changed('"version":1', '"version":2'), 'it has version 2, and 1 is known here'],
      [changed('"first":1,', '"first": 1,'), 'it is damaged behind position 0'],
      [gzipSync(`${text}${second}\n`), 'it goes on behind its end'],
      [gzipSync('{"format":"tidelog-dead-letters","version":1}\n'), 'it is no backup'],
      [gzipSync('x'.repeat(3_000_000)), 'it has a line that is longer than any commit'],
      [Buffer.from('This is not a backup.'), 'it is damaged'],
      [Buffer.concat([gzipSync(text), gzipSync('more\n')]), 'it goes on behind its end'],
    ] as const)
      expect(await refusal(bytes), said).toBe(said)
  })
})

describe('a restore', () => {
  test('writes into an empty log only', async () => {
    const { to } = await backedUp(odd)
    const store = memoryStore()
    await fill(store, [textOf('mine')])
    await expect(restoreInto(store, to)).rejects.toThrow(/the log "cart" is not empty, it ends at 1/)
    expect((await all(store)).map(({ id }) => id)).toEqual(['mine'])
  })
  test('that was broken off goes on when it is told to, where it was and nowhere else', async () => {
    const { to, head } = await backedUp(odd)
    for (const count of [1, 2, 3, 4]) {
      const store = memoryStore()
      await fill(store, odd.slice(0, count))
      await restoreInto(store, to, true)
      expect(await store.head('cart')).toEqual(head)
    }
    const another = memoryStore()
    await fill(another, [textOf('z')])
    await expect(restoreInto(another, to, true)).rejects.toThrow(/not a beginning of what is in/)
    const longer = memoryStore()
    await fill(longer, [...odd, textOf('z')])
    await expect(restoreInto(longer, to, true)).rejects.toThrow(/not a beginning of what is in/)
  })
  test('stops when somebody else writes to the log', async () => {
    const { to } = await backedUp(Array.from({ length: 1_200 }, (_, at) => textOf(`c${at}`)))
    const store = memoryStore()
    let appends = 0
    const shared: LogStore = {
      ...store,
      async append(log, expected, commits) {
        if (++appends === 2) await fill(store, [textOf('foreign')])
        return store.append(log, expected, commits)
      },
    }
    await expect(restoreInto(shared, to)).rejects.toThrow(/ends at 501 and not at 500: somebody else writes/)
  })
  test('goes on behind a part that the store has taken', async () => {
    const { to, head } = await backedUp(odd)
    const store = memoryStore()
    const slow: LogStore = { ...store, append: (log, at, commits) => store.append(log, at, commits.slice(0, 1)) }
    await restoreInto(slow, to)
    expect(await store.head('cart')).toEqual(head)
  })
})

describe('the programs', () => {
  const from = ['--store', 'sqlite:./log.db', '--log', 'cart']
  const to = ['--store', 'sqlite:./new.db', '--log', 'cart']
  const backup = (...more: string[]) => place.run(['backup', ...from, '--to', 'log.gz', ...more])
  const restore = (...more: string[]) => place.run(['restore', ...to, '--from', 'log.gz', ...more])
  const filled = async (texts: readonly string[], log = 'cart'): Promise<Seen> => {
    const store = sqliteStore(place.path('log.db'))
    const head = await fill(store, texts, log)
    await store.close()
    return head
  }
  const headOf = async (log = 'cart'): Promise<Seen> => {
    const store = sqliteStore(place.path('new.db'))
    const head = await store.head(log)
    await store.close()
    return head
  }

  test('write a log to a file and read it from there', async () => {
    const head = await filled(odd)
    const written = await backup()
    expect(written).toMatchObject({
      code: 0,
      lines: [{ msg: 'backed up', commits: 4, events: 7, digest: head.digest }],
    })
    const read = await restore()
    expect(read).toMatchObject({ code: 0, lines: [{ msg: 'checked' }, { msg: 'restored', digest: head.digest }] })
    expect(await headOf()).toEqual(head)
    // Whoever may not read the store may not read its backup.
    const file = await open(place.path('log.gz'))
    expect((await file.stat()).mode & 0o077).toBe(0)
    await file.close()
  })
  test('know the logs of tenants', async () => {
    const head = await filled([textOf('a')], 'a%2Fb/cart')
    expect((await backup('--tenant', 'a/b')).code).toBe(0)
    expect((await restore('--tenant', 'other')).code).toBe(0)
    expect(await headOf('other/cart')).toEqual(head)
  })
  test('say in one line why they did nothing', async () => {
    expect((await backup()).lines).toMatchObject([{ level: 'error', msg: 'there is no file ./log.db' }])
    expect(existsSync(place.path('log.db'))).toBe(false)
    await filled([textOf('a')])
    const none = await place.run(['backup', '--store', 'sqlite:./log.db', '--log', 'card', '--to', 'log.gz'])
    expect(none).toMatchObject({
      code: 1,
      lines: [{ msg: expect.stringMatching(/^the log "card" is empty, or there is none/) }],
    })
    writeFileSync(place.path('log.gz'), 'mine')
    expect(await backup()).toMatchObject({ code: 1, lines: [{ msg: 'log.gz is there already: choose another name' }] })
    expect(await restore()).toMatchObject({ code: 1, lines: [{ msg: "log.gz can't be restored: it is damaged" }] })
    // Nothing is made before the file is known to be whole.
    expect(existsSync(place.path('new.db'))).toBe(false)
    expect((await place.run(['backup', ...from, '--to', 'no/such/file'])).lines[0]?.msg).toMatch(
      /can't be written: ENOENT/,
    )
    expect((await place.run(['restore', ...to, '--from', 'none'])).lines[0]?.msg).toMatch(/can't be read: ENOENT/)
  })
  test('take a prefix of a log that is being written to', async () => {
    const { url, program } = await place.serve(['--store', 'sqlite:./log.db'])
    let isOver = false
    const pushed: string[] = []
    const writing = [...'abc'].map(async (name) => {
      for (let seen = nothing, round = 0; !isOver; round++) {
        const id = `${name}${round}`
        const response = await pushTo(url, [{ id }], { seen })
        seen = (await response.json()).page.through
        pushed.push(id)
      }
    })
    await expect.poll(() => pushed.length, { timeout: 10_000 }).toBeGreaterThan(50)
    const before = [...pushed]
    expect(await backup()).toMatchObject({ code: 0 })
    isOver = true
    await Promise.all(writing)
    program.child.kill()
    await program.ended
    expect(await restore()).toMatchObject({ code: 0 })
    const [whole, part] = [sqliteStore(place.path('log.db')), sqliteStore(place.path('new.db'))]
    const kept = await all(part)
    expect(await all(whole).then((commits) => commits.slice(0, kept.length))).toEqual(kept)
    const ids = new Set(kept.map(({ id }) => id))
    expect(before.filter((id) => !ids.has(id))).toEqual([])
    await Promise.all([whole.close(), part.close()])
  })
  test('need little memory, whatever the log; and leave no file that looks whole when they are ended', async () => {
    const data = 'x'.repeat(5_000)
    await filled(Array.from({ length: 12_000 }, (_, at) => textOf(`c${at}`, 1, `${at}${data}`)))
    const small = { NODE_OPTIONS: '--max-old-space-size=32' }
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const program = place.start(['backup', ...from, '--to', 'log.gz'], small)
      await expect.poll(() => existsSync(place.path(`log.gz.partial-${program.child.pid}`))).toBe(true)
      program.child.kill(signal)
      expect(await program.ended).toBe(signal === 'SIGKILL' ? 'SIGKILL' : 1)
      expect(existsSync(place.path('log.gz'))).toBe(false)
    }
    expect(readdirSync(place.folder).filter((name) => name.includes('.partial-'))).toHaveLength(1)
    expect(await place.run(['backup', ...from, '--to', 'log.gz'], small)).toMatchObject({ code: 0 })
    const broken = place.start(['restore', ...to, '--from', 'log.gz'], small)
    await broken.says('checked')
    await expect.poll(async () => (await headOf()).position, { timeout: 20_000 }).toBeGreaterThan(500)
    broken.child.kill('SIGKILL')
    await broken.ended
    const { position } = await headOf()
    expect(position).toBeLessThan(12_000)
    expect(await restore()).toMatchObject({
      code: 1,
      lines: [{}, { msg: expect.stringMatching(/is not empty, it ends at/) }],
    })
    const args = ['restore', ...to, '--from', 'log.gz', '--resume']
    expect(await place.run(args, small)).toMatchObject({ code: 0, lines: [{}, { commits: 12_000 - position }] })
    expect((await headOf()).position).toBe(12_000)
  })
})
