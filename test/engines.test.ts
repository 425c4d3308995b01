// The table of what can not run in an engine is true to the tests and to the documentation.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { engineOf, limitOf, limits } from './engines/engines.ts'

const page = 'docs/reference/engines.md'

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

test('each row is about a test that is there, and says why', () => {
  for (const { file, test: name, reason } of limits) {
    expect(readFileSync(file, 'utf8'), file).toContain(name ?? 'test(')
    expect(reason).toMatch(/^[A-Z].{20,}\.$/)
  }
})

test('a row keeps its test out of its engines and of no other', () => {
  for (const { engines, file, test: name = '' } of limits)
    for (const engine of ['chromium-leveldb', 'chromium-sqlite', 'firefox', 'webkit'] as const)
      expect(limitOf(engine, file, `${name}, and so on`) !== undefined, `${engine} ${file} ${name}`).toBe(
        engines.includes(engine),
      )
  expect(limitOf('firefox', 'test/browser/storage.test.ts', 'durability')).toBeUndefined()
})

test('the documentation has every row', () => {
  const rows = limits.map(({ engines, file, test: name, reason }) =>
    row([engines.map((engine) => engineOf(engine).title).join(', '), `\`${file}\``, name ?? 'all', reason]),
  )
  const table = [row(['engine', 'file', 'test', 'why']), '|---|---|---|---|', ...rows].join('\n')
  const [, written] = /<!-- limits -->\n([\s\S]*?)\n<!-- \/limits -->/.exec(readFileSync(page, 'utf8')) ?? []
  expect(written).toBe(table)
})
