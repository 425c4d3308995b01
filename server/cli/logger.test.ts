import { describe, expect, test } from 'vitest'
import { StoreError } from '../store-error.ts'
import { createLogger, type LoggerOptions } from './logger.ts'
import { createErrorLog } from './watch-errors.ts'

function written(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = []
  const logger = createLogger({ level: 'info', format: 'json', write: (line) => lines.push(line), ...options })
  return { logger, lines, parsed: () => lines.map((line) => JSON.parse(line)) }
}

describe('a line of the log', () => {
  test('is one line of JSON, with time, level, message and fields', () => {
    const { logger, lines, parsed } = written()
    logger.info('listening', { url: 'http://x', text: 'two\nlines' })
    logger.debug('not told')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^[^\n]+\n$/)
    expect(parsed()).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        level: 'info',
        msg: 'listening',
        url: 'http://x',
        text: 'two\nlines',
      },
    ])
  })
  test('as text holds no control characters', () => {
    const { logger, lines } = written({ format: 'text' })
    logger.warn('odd', { log: 'a\u001b[31m\u009b b', error: new Error('x\u001b[2J\ny') })
    expect(lines[0]).toMatch(/ warn {2}odd: x\\u001b\[2J\\ny .* log="a\\u001b\[31m\\u009b b"\n$/)
    expect(lines[0]?.trimEnd()).not.toMatch(/\p{Cc}/u)
  })
  test('tells an error with its causes, and nothing else that hangs on it', () => {
    const { logger, lines, parsed } = written()
    const cause = Object.assign(new Error('a row is wrong'), { code: '23505', detail: 'Key (text)=({"price":12})' })
    logger.error('no', { error: new Error('append failed', { cause }) })
    expect(parsed()[0].error).toMatchObject({
      name: 'Error',
      message: 'append failed',
      stack: [
        expect.stringContaining('logger.test.ts'),
        ...Array(parsed()[0].error.stack.length - 1).fill(expect.any(String)),
      ],
      cause: { code: '23505', message: 'a row is wrong' },
    })
    expect(lines.join()).not.toContain('price')
  })
  test('never quotes what could not be parsed', () => {
    const { logger, lines } = written()
    try {
      JSON.parse('{"secret-event":oops')
    } catch (error) {
      logger.error('no', { error })
    }
    expect(lines[0]).toContain('SyntaxError')
    expect(lines[0]).not.toContain('secret-event')
  })
  test('never holds a secret, wherever that stands', () => {
    const { logger, lines } = written({ secrets: ['pa55word'], format: 'text' })
    logger.error('postgres://u:pa55word@x', { at: 'pa55word', error: new Error('for pa55word') })
    expect(lines[0]).not.toContain('pa55word')
    expect(lines[0]).toContain('postgres://u:***@x')
  })
})

describe('a store that is away', () => {
  test('is told of once and when it is back, however many requests meet it; a fault of ours each time', () => {
    const { logger, parsed } = written()
    const { onError, observe } = createErrorLog(logger)
    const error = new StoreError('x/away', 'unavailable', 'away')
    for (let i = 0; i < 100; i++) {
      observe({ type: 'store-call', call: 'head', durationMs: 1, error })
      onError(error, { requestId: `r${i}` })
    }
    onError(new Error('bug'), { requestId: 'r100' })
    observe({ type: 'store-call', call: 'head', durationMs: 1 })
    observe({ type: 'store-call', call: 'head', durationMs: 1 })
    onError(error, { requestId: 'r101' })
    expect(parsed().map(({ msg, requestId = '' }) => `${msg} ${requestId}`)).toEqual([
      'the store can not be used r0',
      'unexpected error r100',
      'the store answers again ',
      'the store can not be used r101',
    ])
  })
})
