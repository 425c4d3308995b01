import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSseParser } from './sse.ts'

/** What a stream says, cut into chunks at these places. */
function said(text: string, cuts: readonly number[] = []): readonly string[] {
  const heard: string[] = []
  const feed = createSseParser((name, data) => heard.push(name === '' ? ':' : `${name}=${data}`))
  const places = [...new Set([0, ...cuts.map((cut) => cut % (text.length + 1)), text.length])].sort((a, b) => a - b)
  places.slice(1).forEach((end, at) => feed(text.slice(places[at], end)))
  return heard
}

describe('a stream of server-sent events', () => {
  test.each([
    ['an event with its name', 'event: page\ndata: {"a":1}\n\n', ['page={"a":1}']],
    ['an event without a name', 'data: x\n\n', ['message=x']],
    ['lines of data as one text', 'data: a\ndata: b\n\n', ['message=a\nb']],
    ['a comment', ':\n\n: hello\n', [':', ':']],
    ['only one space after the colon away', 'data:  x\n\ndata:x\n\n', ['message= x', 'message=x']],
    ['colons in the data', 'data: a:b: c\n\n', ['message=a:b: c']],
    ['an event without data not at all', 'event: page\n\ndata: x\n\n', ['message=x']],
    ['empty data', 'data\n\n', ['message=']],
    ['fields that it does not know not at all', 'id: 1\nretry: 5\nfoo: 1\ndata: x\n\n', ['message=x']],
    ['an event that is cut off not at all', 'data: x\n', []],
    ['lines that end with CR', 'event: a\rdata: x\r\rdata: y\n\n', ['a=x', 'message=y']],
    ['lines that end with CRLF', 'event: a\r\ndata: x\r\n\r\n', ['a=x']],
  ])('gives %s', (_name, text, expected) => {
    expect(said(text)).toEqual(expected)
  })

  test('says the same however it is cut', () => {
    const line = fc.constantFrom('data: a', 'data: é😀', 'event: page', ':', '', '', 'id: 1')
    const end = fc.constantFrom('\n', '\r\n')
    const lines = fc.array(fc.tuple(line, end), { maxLength: 12 })
    fc.assert(
      fc.property(lines, fc.array(fc.nat(200), { maxLength: 8 }), (list, cuts) => {
        const text = list.map(([content, ending]) => content + ending).join('')
        expect(said(text, cuts)).toEqual(said(text))
      }),
      { numRuns: 400 },
    )
  })
})

test('reads what eventsource-parser reads, however the stream is cut', () => {
  const line = fc.oneof(
    fc.constantFrom('', '', ': alive', 'data', 'data:', 'event', 'id: 7', 'retry: 10', 'unknown: x'),
    fc.string({ maxLength: 12 }).map((text) => `data: ${text.replace(/[\r\n]/g, '')}`),
    fc.constantFrom('page', 'head').map((name) => `event: ${name}`),
  )
  const stream = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r'))).map((lines) => lines.flat().join(''))
  fc.assert(
    fc.property(stream, fc.array(fc.nat(200), { maxLength: 6 }), (text, cuts) => {
      const ours: unknown[] = []
      const theirs: unknown[] = []
      const feed = createSseParser((name, data) => ours.push(name === '' ? 'comment' : [name, data]))
      const parser = createParser({
        onEvent: ({ event, data }) => theirs.push([event ?? 'message', data]),
        onComment: () => theirs.push('comment'),
      })
      const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length]
      for (const [at, from] of places.slice(0, -1).entries()) {
        const chunk = text.slice(from, places[at + 1])
        feed(chunk)
        parser.feed(chunk)
      }
      // Both may still hold a line that ends with CR: what follows ends it for sure.
      feed('\n: end\n')
      parser.feed('\n: end\n')
      expect(ours).toEqual(theirs)
    }),
  )
})
