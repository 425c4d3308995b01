import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSseParser } from './sse.ts'

/** What a stream says, cut into chunks at these places. */
function said(text: string, cuts: readonly number[] = []): readonly string[] {
  const heard: string[] = []
  const feed = createSseParser({
    onEvent: (name, data) => heard.push(`${name}=${data}`),
    onComment: () => heard.push(':'),
  })
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
