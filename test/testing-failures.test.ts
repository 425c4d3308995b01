// What a failed expectation looks like, here and in a process where there is no test library but Node's own.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { defineFor, type } from 'tidelog'
import { given } from 'tidelog/testing'
import { build } from 'vite'
import { beforeAll, describe, expect, test } from 'vitest'
import { sourceEntries } from '../scripts/entries.ts'
import { addItem } from './types/deciders.ts'
import { events } from './types/shop.ts'

const item = { cartId: '7', itemId: '1', productId: 'p', price: 2 }
const created = events.CartCreated({ cartId: '7' })

/** What `use` throws, or rejects with. */
async function errorOf(use: () => unknown): Promise<Error & Record<string, unknown>> {
  try {
    await use()
  } catch (error) {
    if (error instanceof Error) return error as Error & Record<string, unknown>
  }
  throw new Error('nothing was thrown')
}

describe('a failed expectation', () => {
  test('is an error that test runners show as one of their own', async () => {
    const expected = [events.ItemAdded({ ...item, price: 3 })]
    const error = await errorOf(() => given(addItem, [created]).when(item).then(expected))
    expect(error).toMatchObject({
      name: 'AssertionError',
      code: 'ERR_ASSERTION',
      operator: 'deepEqual',
      generatedMessage: false,
      showDiff: true,
      expected,
      actual: [events.ItemAdded(item)],
    })
    expect(error.stack?.split('\n').find((line) => line.trim().startsWith('at '))).toContain('testing-failures.test.ts')
  })

  test('shows what differs, line by line, and nothing else', async () => {
    const { message } = await errorOf(() =>
      given(addItem, [])
        .when(item)
        .then([created, events.ItemAdded({ ...item, price: 3 })]),
    )
    expect(message).toBe(`add-item answered otherwise (- expected, + actual)

  [1].data.price
  - 3
  + 2
`)
  })

  test('says so when an expectation was awaited instead of met', async () => {
    const awaited = await errorOf(async () => await (given(addItem, []).when(item) as never))
    expect(awaited).toMatchObject({ name: 'tidelog/argument', message: expect.stringContaining('is no promise') })
  })
})

describe('what differs between two states', () => {
  const differences = async (expected: unknown, actual: unknown): Promise<string> => {
    const state = defineFor(events).projection<unknown>({ name: 'it', version: 1, initial: actual, on: {} })
    const { message } = await errorOf(() => given(state, []).then(expected))
    return message.split('\n').slice(2, -1).join('\n')
  }
  const agree = (expected: unknown, actual: unknown): void =>
    given(defineFor(events).projection<unknown>({ name: 'it', version: 1, initial: actual, on: {} }), []).then(expected)

  test('is nothing where they hold the same', () => {
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const other: { self?: unknown } = {}
    other.self = other
    for (const [a, b] of [
      [{ a: 1, b: undefined }, { a: 1 }],
      [Number.NaN, Number.NaN],
      [new Date(5), new Date(5)],
      [new Map([['a', [1]]]), new Map([['a', [1]]])],
      [new Set([1]), new Set([1])],
      [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
      [cycle, other],
    ])
      expect(agree(a, b)).toBeUndefined()
  })

  test('is a place and both sides of it', async () => {
    expect(await differences({ a: { 'b c': 1 }, d: 2 }, { a: { 'b c': 2 }, d: 2 })).toBe('  a["b c"]\n  - 1\n  + 2')
    expect(await differences({ a: 1, b: 2 }, { a: 1, c: 3 })).toBe('  b\n  - 2\n  c\n  + 3')
    expect(await differences(1, '1')).toBe('  all of it\n  - 1\n  + "1"')
    expect(await differences(undefined, { a: 1 })).toBe('  all of it\n  - undefined\n  + { a: 1 }')
    expect(await differences(new Date(0), new Date(1))).toContain('- Date(1970-01-01T00:00:00.000Z)')
    expect(await differences(new Map([['a', 1]]), new Map([['a', 2]]))).toContain('+ Map { "a" => 2 }')
    expect(await differences(new Set([1]), new Set([2]))).toContain('- Set { 1 }')
    expect(await differences([1], { 0: 1 })).toBe('  all of it\n  - [1]\n  + { "0": 1 }')
    expect(await differences(new Date(0), {})).toContain('+ {}')
    expect(await differences({}, new Date(0))).toContain('- {}')
  })

  test('is one member where one member of a list is too many, or missing, or another', async () => {
    const list = [{ id: 1 }, { id: 2 }, { id: 3 }]
    expect(await differences(list, [{ id: 1 }, { id: 3 }])).toBe('  [1]\n  - { id: 2 }')
    expect(await differences([{ id: 2 }, { id: 3 }], list)).toBe('  [0]\n  + { id: 1 }')
    expect(await differences(list, [{ id: 1 }, { id: 5 }, { id: 3 }])).toBe('  [1].id\n  - 2\n  + 5')
    expect(await differences([1, 2, 3], [1, 4, 3])).toBe('  [1]\n  - 2\n  + 4')
    expect(await differences([[1, 2]], [[1, 3]])).toBe('  [0][1]\n  - 2\n  + 3')
  })

  test('is written over several lines where it does not fit one', async () => {
    const long = 'x'.repeat(60)
    expect(await differences(0, { a: long, b: [long] })).toBe(
      `  all of it\n  - 0\n  + {\n  +   a: "${long}",\n  +   b: ["${long}"],\n  + }`,
    )
  })
})

describe('without a test library', () => {
  let said = ''
  beforeAll(async () => {
    const root = fileURLToPath(new URL('.', import.meta.url))
    const outDir = `${root}../.build/testing-node`
    await build({
      configFile: false,
      logLevel: 'silent',
      resolve: { alias: sourceEntries() },
      build: {
        ssr: `${root}testing-node.fixture.ts`,
        outDir,
        emptyOutDir: true,
        rolldownOptions: { output: { entryFileNames: 'entry.test.mjs' } },
      },
    })
    const { NODE_TEST_CONTEXT: _nested, ...env } = process.env
    const args = ['--test', '--test-reporter=tap', `${outDir}/entry.test.mjs`]
    said = await promisify(execFile)(process.execPath, args, { env }).then(
      ({ stdout }) => stdout,
      ({ stdout }: { stdout: string }) => stdout,
    )
  })

  test("runs under Node's own test runner, with the contract of the stores", () => {
    expect(said).toContain('# Subtest: a free cart takes an item')
    expect(said).toContain('ok 1 - a free cart takes an item')
    expect(said).toMatch(/# Subtest: client: .*/)
    expect(said).toMatch(/# Subtest: server: .*/)
    expect(said).toMatch(/# fail 1\n/)
  })

  test('is shown by it with what differs, both sides and the line of the test', () => {
    const failed = said.slice(said.indexOf('# Subtest: a full cart refuses'))
    expect(failed).toMatch(/^not ok \d+ - a full cart refuses/m)
    expect(failed).toContain('add-item answered otherwise (- expected, + actual)')
    expect(failed).toMatch(/data\.max\n\s+- 4\n\s+\+ 3/)
    expect(failed).toMatch(/name: 'AssertionError'/)
    expect(failed).toMatch(/expected:\s+refused: 'CartFull'/)
    expect(failed).toMatch(/operator: 'deepEqual'/)
    expect(failed).toMatch(/stack: \|-\n.*entry\.test\.mjs/)
  })
})

test('a rule is asked as often as it takes to see that it is pure, and no more', () => {
  let asked = 0
  const rule = defineFor(events).decider({
    name: 'rule',
    command: type<{ cartId: string }>(),
    scope: () => ({ stream: 'x' }),
    initial: 0,
    evolve: {},
    decide: () => {
      asked++
      return []
    },
  })
  given(rule, []).when({ cartId: '7' }).thenNothing()
  expect(asked).toBe(2)
})
