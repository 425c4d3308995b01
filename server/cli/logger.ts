import { isStoreError } from '../store-error.ts'

export const levels = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof levels)[number]
export type Fields = Readonly<Record<string, unknown>>
export type Logger = Readonly<Record<Level, (message: string, fields?: Fields) => void>>

export interface LoggerOptions {
  readonly level: Level
  readonly format: 'json' | 'text'
  readonly write: (line: string) => void
  /** Never written, wherever it stands. */
  readonly secrets?: readonly string[]
}

/** Writes one line for each message; an `error` among the fields is told with its causes. */
export function createLogger({ level, format, write, secrets = [] }: LoggerOptions): Logger {
  const hide = (line: string): string => secrets.reduce((text, secret) => text.replaceAll(secret, '***'), line)
  const log =
    (of: Level): Logger[Level] =>
    (message, fields = {}) => {
      if (levels.indexOf(of) < levels.indexOf(level)) return
      const { error, ...rest } = fields
      const told = error === undefined ? rest : { ...rest, error: toPlain(error) }
      const time = new Date().toISOString()
      const line =
        format === 'json' ? toJson({ time, level: of, msg: message, ...told }) : toText(time, of, message, told)
      write(`${hide(line)}\n`)
    }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}

interface Plain {
  readonly name: string
  readonly code?: string
  readonly message?: string
  readonly stack?: readonly string[]
  readonly cause?: Plain
}

const causesMax = 5

/**
 * What is told of an error. Of what else hangs on one nothing is: PostgreSQL's have whole rows in their details. A syntax
 * error quotes what it can't parse, which may be an event.
 */
function toPlain(error: unknown, depth = 0): Plain {
  if (!(error instanceof Error)) return { name: typeof error }
  const { name, cause } = error
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const message = error instanceof SyntaxError ? {} : { message: error.message }
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  // Where the store was asked tells nothing about why it is away.
  const stack = isStoreError(error) || depth > 0 ? {} : { stack: frames.map((line) => line.trim()) }
  const inner = cause === undefined || depth === causesMax ? {} : { cause: toPlain(cause, depth + 1) }
  return { name, ...code, ...message, ...stack, ...inner }
}

const toJson = (fields: Fields): string => JSON.stringify(fields)

/** No control characters: they would reach somebody's terminal. */
const printable = (text: string): string => (/^[\w.:/@+-]+$/.test(text) ? text : escaped(text))
const escaped = (text: string): string =>
  JSON.stringify(text).replace(/[\u007f-\u009f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

function toText(time: string, level: Level, message: string, { error, ...fields }: Fields): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${printable(typeof value === 'string' ? value : JSON.stringify(value))}`)
  const causes = isPlain(error) ? [`: ${causeText(error)}`] : []
  return [`${time.slice(11, 19)} ${level.padEnd(5)} ${message}${causes.join('')}`, ...pairs].join('  ')
}

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && 'name' in value

const causeText = ({ name, message, stack, cause }: Plain): string => {
  const at = stack?.[0] === undefined ? '' : ` (${stack[0]})`
  const own = message === undefined ? name : escaped(message).slice(1, -1)
  return `${own}${at}${cause === undefined || cause.message === message ? '' : `; ${causeText(cause)}`}`
}
