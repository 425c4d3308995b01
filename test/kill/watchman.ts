// Hears what a page and its worker do, in another process than theirs. The worker asks it before each transaction and request, and
// stands still until it is answered: so a kill can be laid in wait for one of a kind, and is known to meet it open.
import { createServer } from 'node:http'
import type { Tally } from './tally.ts'

/** `open` all is asked of the transaction, and it is not committed · `committing` it is, and did not tell · `after` soon after that */
export type Phase = 'open' | 'committing' | 'after'
export interface Trap {
  /** Kinds of rows that it writes, or `request` and the last part of its path. */
  readonly label: RegExp
  /** It is the n-th of these. */
  readonly nth: number
  readonly phase: Phase
  /** Milliseconds, where the phase is `after`. */
  readonly delayMs: number
  /** Kills, in this very turn. */
  readonly kill: () => void
}
/** What a kill met. */
export interface Hit {
  readonly label: string
  readonly isInside: boolean
}

export interface Watchman {
  readonly url: string
  /** Resolves when the kill has begun. */
  readonly lay: (trap: Trap) => Promise<Hit>
  /** Nothing is in wait any more, and nobody is held. */
  readonly callOff: () => void
  /** How far the page said that the log follows the server. */
  pulled: number
  readonly errors: string[]
  /** What a page finds that asks for files. */
  files: unknown
  readonly close: () => Promise<void>
}

/** `current` says whose pages are listened to: one that was left may still be speaking. */
export async function startWatchman(current: () => { readonly nth: number; readonly tally: Tally }): Promise<Watchman> {
  let trap: Trap | undefined
  let sprung: (hit: Hit) => void = () => {}
  let left = 0
  /** Transactions that were opened and did not tell of their end. */
  let open = new Set<string>()

  const spring = (label: string, isInside: boolean): void => {
    const { kill } = trap ?? {}
    trap = undefined
    kill?.()
    sprung({ label, isInside })
  }
  /** What the worker is told; nothing holds it until it is killed. */
  const answer = (line: string): string | undefined => {
    const [what, first = '', second = ''] = line.split(' ')
    const label = what === 'open' ? second : line
    if (what === 'open') open.add(first)
    if (trap === undefined) return ''
    if (what === 'committing' && trap.phase === 'committing' && left === 0) {
      spring(label, true)
      return undefined
    }
    if (what === 'committing' || !trap.label.test(label) || --left > 0) return ''
    if (left < 0) return ''
    if (trap.phase === 'committing' && what === 'open') return 'stay'
    if (trap.phase === 'after' && what === 'open') {
      setTimeout(() => spring(label, open.has(first)), trap.delayMs)
      return ''
    }
    spring(label, true)
    return undefined
  }
  const hear = (line: string): void => {
    const [what, rest = ''] = line.split(' ', 2)
    const { tally } = current()
    if (what === 'begin') tally.begun.add(rest)
    else if (what === 'end') tally.acknowledged.add(rest)
    else if (what === 'done') open.delete(rest)
    else if (what === 'pulled') watchman.pulled = Math.max(watchman.pulled, Number(rest))
    else watchman.errors.push(line)
  }
  const server = createServer(async (request, response) => {
    response.setHeader('access-control-allow-origin', '*')
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://watchman')
    if (pathname === '/files') return void response.end(JSON.stringify(watchman.files))
    try {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(Buffer.from(chunk))
      const text = Buffer.concat(chunks).toString()
      const isCurrent = Number(searchParams.get('round')) === current().nth
      if (!isCurrent) return void response.end()
      if (/^(open|committing|request) /.test(text)) {
        const said = answer(text)
        if (said !== undefined) response.end(said)
        return
      }
      for (const line of text.split('\n')) hear(line)
      response.end()
    } catch {
      // Cut off while it was speaking: nothing was said.
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the watchman has no address')
  const watchman: Watchman = {
    url: `http://127.0.0.1:${address.port}/`,
    lay: (next) =>
      new Promise((resolve) => {
        left = next.nth
        sprung = resolve
        open = new Set()
        trap = next
      }),
    callOff: () => {
      trap = undefined
    },
    pulled: 0,
    errors: [],
    files: [],
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return watchman
}
