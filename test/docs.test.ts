// The code in the documentation is compiled as a reader would: against the built package, one folder for each page.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const out = '.build/docs'
const pages = [
  'README.md',
  'docs/tutorial/first-log.md',
  ...readdirSync('docs/how-to').map((name) => `docs/how-to/${name}`),
]

/** What an example takes for granted. */
const given: Readonly<Record<string, string>> = {
  'docs/how-to/deploy-the-endpoint.md':
    'declare const userOf: (request: Request) => { id: string; tenant: string } | undefined\n' +
    'declare const deleted: ReadonlySet<string>\n',
}

test('the examples in the documentation compile', () => {
  rmSync(out, { recursive: true, force: true })
  for (const page of pages) {
    const folder = join(out, page.replace(/\W+/g, '-'))
    const files = new Map<string, string>()
    for (const [, code = ''] of readFileSync(page, 'utf8').matchAll(/```tsx?\n([\s\S]*?)```/g)) {
      const name = /^\/\/ ([\w.-]+\.tsx?)\b/.exec(code)?.[1] ?? 'main.ts'
      files.set(name, (files.get(name) ?? '') + code)
    }
    if (!files.has('shop.ts')) files.set('shop.ts', firstExample('shop.ts'))
    for (const [name, code] of files) write(join(folder, name), `${given[page] ?? ''}${code}\nexport {}\n`)
  }
  const options = {
    include: ['.'],
    extends: '../../tsconfig.app.json',
    compilerOptions: { paths: {}, noUnusedLocals: false, jsx: 'react-jsx' },
  }
  write(join(out, 'tsconfig.json'), JSON.stringify(options))
  expect(compile()).toBe('')
})

const firstExample = (name: string): string => {
  const [, code = ''] =
    new RegExp(`\`\`\`ts\\n(// ${name}[\\s\\S]*?)\`\`\``).exec(readFileSync('README.md', 'utf8')) ?? []
  return code
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function compile(): string {
  try {
    execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', join(out, 'tsconfig.json')], {
      encoding: 'utf8',
    })
    return ''
  } catch (error) {
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)
  }
}
