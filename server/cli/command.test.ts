import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Command, helpOf, readValues } from './command.ts'
import { commands, help } from './commands.ts'
import { describeStore, secretsOf } from './stores.ts'

const command: Command = {
  name: 'try',
  summary: 'tries',
  text: ['Tries.'],
  examples: ['tidelog try'],
  options: [
    { name: 'store', value: 'URL', help: ['where'], isRequired: true },
    { name: 'port', value: 'PORT', help: ['which'], fallback: '8080' },
    { name: 'cors', value: 'ORIGIN', help: ['who'], isList: true },
    { name: 'log-level', value: 'LEVEL', help: ['how much'] },
    { name: 'resume', help: ['again'] },
  ],
}
const read = (args: readonly string[], env: Record<string, string> = {}) =>
  readValues(command, ['--store', 'x', ...args], env)

describe('the options of a command', () => {
  test('come from the arguments, else from the environment, else from the fallback', () => {
    expect(read([]).count('port', 0, 9_999)).toBe(8_080)
    expect(read([], { TIDELOG_PORT: '1' }).count('port', 0, 9_999)).toBe(1)
    expect(read(['--port=2'], { TIDELOG_PORT: '1' }).count('port', 0, 9_999)).toBe(2)
    expect(read([], { TIDELOG_LOG_LEVEL: 'warn' }).text('log-level')).toBe('warn')
    expect(read([], { TIDELOG_LOG_LEVEL: '' }).text('log-level')).toBeUndefined()
    expect(readValues(command, [], { TIDELOG_STORE: 'y' }).mustHave('store')).toBe('y')
  })
  test('may be lists and flags', () => {
    expect(read(['--cors', 'a', '--cors', 'b']).list('cors')).toEqual(['a', 'b'])
    expect(read([], { TIDELOG_CORS: 'a, b' }).list('cors')).toEqual(['a', 'b'])
    expect(read([]).list('cors')).toEqual([])
    expect([read(['--resume']), read([], { TIDELOG_RESUME: '1' }), read([])].map((one) => one.flag('resume'))).toEqual([
      true,
      true,
      false,
    ])
  })
  test('that can not be meant are told of in one line', () => {
    const said = (work: () => unknown): unknown => {
      try {
        return work()
      } catch (error) {
        return error
      }
    }
    for (const [work, message] of [
      [() => readValues(command, [], {}), '--store is missing; see tidelog try --help'],
      [() => read(['--prot', '1']), "Unknown option '--prot'; see tidelog try --help"],
      [() => read(['stray']), /^Unexpected argument 'stray'.*; see tidelog try --help$/],
      [() => read(['--port']), /argument missing; see tidelog try --help$/],
      [() => read(['--port=']), '--port is empty; see tidelog try --help'],
      [() => read(['--port', 'x']).count('port', 0, 9), '--port is "x", not a whole number from 0 to 9'],
      [() => read([], { TIDELOG_PORT: '10' }).count('port', 0, 9), /^TIDELOG_PORT is "10", not/],
      [() => read(['--log-level', 'x']).word('log-level', ['a', 'b']), '--log-level is "x", not a or b'],
      [() => read([], { TIDELOG_RESUME: 'yes' }).flag('resume'), 'TIDELOG_RESUME is "yes", not 1 or 0'],
    ] as const) {
      const error = said(work)
      expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) })
      expect(String(error)).not.toContain('\n')
    }
  })
})

describe('the help', () => {
  test('fits a terminal, and has each option once', () => {
    for (const one of commands) {
      const text = helpOf(one)
      for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(120)
      for (const { name } of one.options)
        expect(text.match(new RegExp(`^ {2}--${name}(?: |$)`, 'gm')), name).toHaveLength(1)
    }
  })
  test('stands in the reference word for word', () => {
    const page = readFileSync('docs/reference/cli.md', 'utf8')
    for (const text of [help, ...commands.map(helpOf)]) expect(page).toContain(`\`\`\`text\n${text}\`\`\`\n`)
  })
})

describe('the address of a store', () => {
  test('is told without its password and without what is behind the name', () => {
    const url = 'postgres://ann:s%C3%A4cret@db:5432/shop?sslkey=private'
    expect(describeStore(url)).toBe('postgres://ann@db:5432/shop')
    expect(secretsOf(url)).toEqual(['s%C3%A4cret', 'säcret', 'sslkey=private'])
    expect(describeStore('sqlite:./a.db')).toBe('sqlite:./a.db')
    expect(describeStore('postgres://ann:s%cret@[')).toBe('the store')
    const several = 'nats://ann:pw1pw1@a:4222,nats://bob:pw2pw2@b:4222'
    expect(describeStore(several)).toBe('nats://ann@a:4222,nats://bob@b:4222')
    expect(secretsOf(several)).toEqual(['pw1pw1', 'pw2pw2'])
    // Without ports, and with a token.
    expect(describeStore('nats://token1@a,nats://b')).toBe('nats://a,nats://b')
    expect(secretsOf('nats://token1@a,nats://b')).toEqual(['token1'])
  })
})
