// The style of this repository as tests, and for each rule a small bad file that it must find.
import { describe, expect, test } from 'vitest'
import { mockedTests } from '../scripts/mocked.ts'
import {
  cycles,
  fileLinesMax,
  forbiddenImports,
  functionLinesMax,
  leftovers,
  longFiles,
  longFunctions,
  silencedTests,
  strayMocks,
  straySideEffects,
  strayTransactions,
} from './tidy/rules.ts'
import { readSources, toSource } from './tidy/source.ts'

const all = readSources()

const lines = (count: number): string => 'void 0\n'.repeat(count)
const func = (count: number): string => `export const f = () => {\n${lines(count - 2)}}\n`

const forbidden: readonly (readonly [path: string, text: string])[] = [
  ['src/core/a.ts', `import { b } from '../log/b.ts'`],
  ['src/core/a.ts', `export { b } from '../protocol/b.ts'`],
  ['src/core/a.ts', `export * from '../protocol/b.ts'`],
  ['src/core/a.ts', `import '../protocol/b.ts'`],
  ['src/core/a.ts', `const load = () => import('../protocol/b.ts')`],
  ['src/core/a.ts', `type B = import('../protocol/b.ts').B`],
  ['src/core/a.ts', `import { SchemaError } from '@standard-schema/spec'`],
  ['src/core/a.ts', `import { readFileSync } from 'node:fs'`],
  ['src/log/a.ts', `import type { IdbStore } from '../store/idb-store.ts'`],
  ['src/log/a.ts', `import { openDB } from 'idb'`],
  ['src/client/a.ts', `import type { Store } from '../store/store.ts'`],
  ['src/client/a.ts', `import { openDB } from 'idb'`],
  ['src/store/a.ts', `import { wrap } from 'comlink'`],
  ['src/log/a.ts', `import { v7 } from 'uuid'`],
  ['src/client/a.ts', `import { createParser } from 'eventsource-parser'`],
  ['src/sync/a.ts', `import { open } from '../client/open.ts'`],
  ['worker/a.ts', `import { open } from '../src/client/open.ts'`],
  ['worker/a.ts', `import Database from 'libsql'`],
  ['server/a.ts', `import { createLog } from '../src/log/log.ts'`],
  ['demo/a.ts', `import { given } from '../src/testing/given.ts'`],
  ['demo/a.ts', `import { openDB } from 'idb'`],
  ['src/attic/a.ts', ''],
]

const allowed: readonly (readonly [path: string, text: string])[] = [
  ['src/core/a.ts', `import type { StandardSchemaV1 } from '@standard-schema/spec'`],
  ['src/log/a.ts', `import { isStoreError } from '../store/store.ts'`],
  ['src/store/contract.ts', `import { expect } from 'vitest'`],
  ['server/a.ts', `import { createServer } from 'node:http'\nimport { limits } from '../src/core/limits.ts'`],
  ['demo/a.ts', `import { openLog } from 'tidelog'\nimport { serveLog } from 'tidelog/worker'\nimport './b.ts'`],
  ['src/log/a.test.ts', `import { openIdbStore } from '../store/idb-store.ts'`],
]

const sideEffects: readonly string[] = [
  'Date.now()',
  'new Date()',
  'performance.now()',
  'Math.random()',
  'crypto.randomUUID()',
  'setTimeout(f, 1)',
  'globalThis.setTimeout(f, 1)',
  'setInterval(f, 1)',
  'const now = Date.now',
]

describe('every source file', () => {
  test('imports only what its room may', () => expect(forbiddenImports(all)).toEqual([]))
  test('is in no import cycle', () => expect(cycles(all)).toEqual([]))
  test(`has at most ${fileLinesMax} lines`, () => expect(longFiles(all)).toEqual([]))
  test(`has functions of at most ${functionLinesMax} lines`, () => expect(longFunctions(all)).toEqual([]))
  test('leaves transactions to the one function that opens them', () => expect(strayTransactions(all)).toEqual([]))
  test('takes time and randomness from ports where a simulation runs it', () =>
    expect(straySideEffects(all)).toEqual([]))
  test('silences no test without a reason', () => expect(silencedTests(all)).toEqual([]))
  test('replaces no module where others have loaded it', () => expect(strayMocks(all, mockedTests)).toEqual([]))
  test('keeps what is left to do out of comments', () => expect(leftovers(all)).toEqual([]))
})

describe('the rules find', () => {
  const importsOf = (path: string, text: string): string[] => forbiddenImports([toSource(path, text)])

  test.each(forbidden)('a forbidden import: %s: %s', (path, text) => expect(importsOf(path, text)).toHaveLength(1))

  test.each(allowed)('nothing in an allowed one: %s: %s', (path, text) => expect(importsOf(path, text)).toEqual([]))

  test('a cycle over three files, and says its way round', () => {
    const at = (name: string, next: string) => toSource(`src/core/${name}.ts`, `import type { X } from './${next}.ts'`)
    const way = 'src/core/a.ts → src/core/b.ts → src/core/c.ts → src/core/a.ts'
    expect(cycles([at('a', 'b'), at('b', 'c'), at('c', 'a'), at('d', 'a')])).toEqual([way])
  })

  test('a file one line too long, and lists the longest ones', () => {
    const fits = toSource('src/core/a.ts', lines(fileLinesMax))
    expect(longFiles([fits])).toEqual([])
    expect(longFiles([fits, toSource('src/core/b.ts', lines(fileLinesMax + 1))])).toEqual([
      'src/core/b.ts has 501 lines, at most 500',
      'src/core/b.ts has 501 lines',
      'src/core/a.ts has 500 lines',
    ])
  })

  test('a function one line too long, and a long test but not a long suite', () => {
    const nested = `describe('x', () => {\n${func(60)}${func(60)}})\n`
    expect(longFunctions([toSource('src/core/a.ts', func(70))])).toEqual([])
    expect(longFunctions([toSource('src/core/a.ts', func(71))])).toEqual(['src/core/a.ts:1 f has 71 lines, at most 70'])
    expect(longFunctions([toSource('src/core/a.ts', nested)])).toHaveLength(1)
    expect(longFunctions([toSource('src/core/a.test.ts', nested)])).toEqual([])
    expect(longFunctions([toSource('src/core/a.test.ts', func(71))])).toHaveLength(1)
  })

  test('a second function that opens transactions, one outside the store, and none at all', () => {
    const door = toSource('src/store/idb.ts', 'export const open = (db) => db.transaction([])')
    const second = toSource('src/store/other.ts', 'export function also(db) { return (db).transaction([]) }')
    const outside = toSource('src/log/a.ts', 'const f = (db) => db.transaction([])')
    expect(strayTransactions([door, toSource('server/sqlite.ts', 'db.transaction(() => {})')])).toEqual([])
    expect(strayTransactions([door, second])).toEqual([
      'one function of src/store opens transactions, not 2: src/store/idb.ts open,src/store/other.ts also',
    ])
    expect(strayTransactions([door, outside])).toEqual(['src/log/a.ts:1 opens a transaction outside src/store'])
    expect(strayTransactions([])).toHaveLength(1)
  })

  test.each(sideEffects)('a side effect past the ports: %s', (code) => {
    expect(straySideEffects([toSource('src/sync/a.ts', code)])).toHaveLength(1)
    expect(straySideEffects([toSource('worker/a.ts', code)])).toEqual([])
  })

  test('nothing in a clock that is a port, or a date made from a number', () => {
    const code = 'ports.setTimeout(f, 1); ports.now(); new Date(ports.now()); clock.random()'
    expect(straySideEffects([toSource('src/sync/a.ts', code)])).toEqual([])
  })

  test.each(['only', 'todo', 'fails', 'skip'])('a test that is silenced with .%s', (how) => {
    const one = toSource('test/a.test.ts', `test.${how}('x', () => {})`)
    const table = toSource('test/a.test.ts', `describe.each([1]).${how}('x', () => {})`)
    for (const source of [one, table]) expect(silencedTests([source])).toHaveLength(1)
  })

  test('a skip without a reason, and none where there is one', () => {
    const bare = `test.${'skipIf'}(isWebKit)('x', () => {})`
    expect(silencedTests([toSource('test/a.test.ts', bare)])).toHaveLength(1)
    expect(silencedTests([toSource('test/a.test.ts', `// WebKit has no such call\n${bare}`)])).toEqual([])
    expect(silencedTests([toSource('src/log/a.ts', 'pages.skip(1)')])).toEqual([])
  })

  test('a module that is replaced in a test that shares its process', () => {
    const source = toSource('src/log/a.test.ts', `vi.mock('./b.ts', () => ({}))`)
    expect(strayMocks([source], [])).toEqual(['src/log/a.test.ts:1 vi.mock: the file belongs into scripts/mocked.ts'])
    expect(strayMocks([source], ['src/log/a.test.ts'])).toEqual([])
  })

  test('a note about what is left to do, in code, styles and pages', () => {
    const note = ['TO', 'DO'].join('')
    const code = toSource('src/core/a.ts', `// ${note} later\nconst a = '${note}'`)
    const page = toSource('index.html', `<!-- ${note} -->`)
    expect(leftovers([code, page])).toEqual([`src/core/a.ts:1 ${note} later`, `index.html:1 <!-- ${note} -->`])
  })

  test('a file that does not parse', () => {
    expect(() => toSource('src/core/a.ts', 'const = 1')).toThrow('src/core/a.ts does not parse')
  })
})
