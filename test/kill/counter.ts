// Counts what a page says. It lives in another process than the page, so it knows what the page knew before it died.
import { createServer } from 'node:http'
import type { Tally } from './tally.ts'

export interface Counter {
  readonly url: string
  readonly close: () => Promise<void>
}

/** Calls `onHeard` after each message. `errors` takes what a writer died of. */
export async function startCounter(tally: Tally, errors: string[], onHeard: () => void = () => {}): Promise<Counter> {
  const hear = (line: string): void => {
    const [what, commit = ''] = line.split(' ', 2)
    if (what === 'begin') tally.begun.add(commit)
    else if (what === 'end') tally.acknowledged.add(commit)
    else errors.push(line)
  }
  const server = createServer(async (request, response) => {
    try {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(Buffer.from(chunk))
      for (const line of Buffer.concat(chunks).toString().split('\n')) hear(line)
      response.writeHead(204).end()
      onHeard()
    } catch {
      // Cut off while it was speaking: nothing was said.
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the counter has no address')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
