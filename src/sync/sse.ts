/**
 * Reads a stream of server-sent events as the HTML standard has it, chunk by chunk: lines end with CR, LF or CRLF, `data`
 * lines join, an empty line sends the event. A comment, which is a heartbeat, is an event without a name. `id` and `retry`
 * are of no use here: a stream is resumed by position.
 */
export function createSseParser(onEvent: (name: string, data: string) => void): (chunk: string) => void {
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
    if (field === '') onEvent('', '')
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
