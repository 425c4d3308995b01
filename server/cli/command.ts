import { parseArgs } from 'node:util'
import { messageOf } from '../../src/core/errors.ts'
import { Failure, misuse } from './failure.ts'

/** An option of a command; each can also be given in the environment. */
export interface Option {
  readonly name: string
  /** What stands for its value in the help; a flag has none. */
  readonly value?: string
  /** Lines of the help. */
  readonly help: readonly string[]
  readonly fallback?: string
  readonly isRequired?: boolean
  /** May be given several times; in the environment parted by commas. */
  readonly isList?: boolean
}

export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  /** What stands above the options in its help. */
  readonly text: readonly string[]
  readonly options: readonly Option[]
  readonly examples: readonly string[]
}

/** What a command was given. */
export interface Values {
  readonly text: (name: string) => string | undefined
  /** Of an option that is required or has a fallback. */
  readonly mustHave: (name: string) => string
  readonly list: (name: string) => readonly string[]
  readonly flag: (name: string) => boolean
  /** A whole number within bounds. */
  readonly count: (name: string, least: number, most: number) => number | undefined
  /** One of some words. */
  readonly word: <W extends string>(name: string, words: readonly W[]) => W | undefined
}

export const envName = ({ name }: Pick<Option, 'name'>): string => `TIDELOG_${name.toUpperCase().replaceAll('-', '_')}`

type Env = Readonly<Record<string, string | undefined>>

/** Reads what a command was given; arguments come before the environment. Throws a {@link Failure} of misuse. */
export function readValues({ name: command, options }: Command, args: readonly string[], env: Env): Values {
  const given = parse(command, options, args)
  const optionOf = (name: string): Option =>
    options.find((option) => option.name === name) ?? misuse(`there is no option --${name}`)
  /** All that was given of it, and where. */
  const find = (name: string): { readonly from: string; readonly values: readonly string[] } => {
    const option = optionOf(name)
    const value = given[name]
    if (value !== undefined) return { from: `--${name}`, values: [value].flat().map(String) }
    const from = envName(option)
    const text = env[from] ?? ''
    if (text !== '') return { from, values: option.isList === true ? text.split(',').map((one) => one.trim()) : [text] }
    return { from, values: option.fallback === undefined ? [] : [option.fallback] }
  }
  const text: Values['text'] = (name) => find(name).values.at(-1)
  for (const option of options)
    if (option.isRequired === true && text(option.name) === undefined)
      misuse(`--${option.name} is missing; see tidelog ${command} --help`)
  for (const option of options)
    for (const value of find(option.name).values)
      if (value === '') misuse(`${find(option.name).from} is empty; see tidelog ${command} --help`)
  return {
    text,
    mustHave: (name) => text(name) ?? misuse(`--${name} is missing`),
    list: (name) => find(name).values,
    flag: (name) => {
      const { from, values } = find(name)
      const value = values.at(-1) ?? 'false'
      if (['true', '1', 'false', '0'].includes(value)) return value === 'true' || value === '1'
      return misuse(`${from} is ${JSON.stringify(value)}, not 1 or 0`)
    },
    count: (name, least, most) => {
      const { from, values } = find(name)
      const value = values.at(-1)
      if (value === undefined) return undefined
      const number = /^\d{1,9}$/.test(value) ? Number(value) : -1
      if (number >= least && number <= most) return number
      return misuse(`${from} is ${JSON.stringify(value)}, not a whole number from ${least} to ${most}`)
    },
    word: (name, words) => {
      const { from, values } = find(name)
      const value = values.at(-1)
      if (value === undefined) return undefined
      const found = words.find((word) => word === value)
      return found ?? misuse(`${from} is ${JSON.stringify(value)}, not ${words.join(' or ')}`)
    },
  }
}

type Given = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

function parse(command: string, options: readonly Option[], args: readonly string[]): Given {
  try {
    return parseArgs({
      args: [...args],
      options: Object.fromEntries(
        options.map(({ name, value, isList = false }) => [
          name,
          { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: isList },
        ]),
      ),
    }).values
  } catch (error) {
    // Node explains at length how else it might have been meant.
    const [said = ''] = messageOf(error).split(/\.\s|\n/)
    throw new Failure(`${said.replace(/\.$/, '')}; see tidelog ${command} --help`, 2)
  }
}

const wide = 26

/** The help of a command. */
export function helpOf({ name, text, options, examples }: Command): string {
  const rows = options.flatMap((option) => {
    const { value, help, fallback, isRequired } = option
    const named = `  --${option.name}${value === undefined ? '' : ` ${value}`}`
    const given = isRequired === true ? help.map((line, at) => (at === 0 ? `(required) ${line}` : line)) : help
    const note = fallback === undefined ? [] : [`(default: ${fallback})`]
    const [first = '', ...others] = [...given.slice(0, -1), [given.at(-1), ...note].join(' ')]
    const head = named.length < wide - 1 ? [named.padEnd(wide) + first] : [named, ' '.repeat(wide) + first]
    return [...head, ...others.map((line) => ' '.repeat(wide) + line)]
  })
  return [
    `Usage: tidelog ${name} [options]`,
    '',
    ...text,
    '',
    'Options:',
    ...rows,
    `  ${'--help'.padEnd(wide - 2)}this text`,
    '',
    'Each option can also be set in the environment: --log-level as TIDELOG_LOG_LEVEL.',
    '',
    'Examples:',
    ...examples.map((line) => `  ${line}`),
    '',
  ].join('\n')
}
