/** What a server-sent event stream brings: an event, or a comment, which is a heartbeat. */
export interface SseHandler {
  readonly onEvent: (name: string, data: string) => void
  readonly onComment: () => void
}

/**
 * Reads a stream of server-sent events as the HTML standard has it, chunk by chunk: lines end with CR, LF or CRLF, `data`
 * lines join, an empty line sends the event. `id` and `retry` are of no use here: a stream is resumed by position.
 */
export function createSseParser({ onEvent, onComment }: SseHandler): (chunk: string) => void {
  let rest = ''
  let name = ''
  let data: string[] = []
  const takeLine = (line: string): void => {
    if (line === '') {
      if (data.length > 0) onEvent(name || 'message', data.join('\n'))
      name = ''
      data = []
      return
    }
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === '') onComment()
    else if (field === 'event') name = value
    else if (field === 'data') data.push(value)
  }
  return (chunk) => {
    // A CR at the end may be half of a CRLF: it waits for what follows.
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) takeLine(line)
  }
}
