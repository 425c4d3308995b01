import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** A server in a process of its own. */
export interface Server {
  readonly url: string
  /** After a collection of garbage, in bytes. */
  readonly memory: () => Promise<{ readonly rss: number; readonly heapUsed: number; readonly live: number }>
  readonly kill: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Runs a bundled file that says its address first. */
export async function serve(file: string, ...args: readonly string[]): Promise<Server> {
  const child = fork(`.build/load/${file}.js`, args)
  const ended = once(child, 'exit')
  const url = await answer<string>(child)
  const end = async (act: () => void): Promise<void> => {
    act()
    await ended
  }
  return {
    url,
    memory: async () => {
      child.send('memory')
      return answer(child)
    },
    kill: () => end(() => child.kill('SIGKILL')),
    close: () => end(() => child.disconnect()),
  }
}

async function answer<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a server ended with ${code}`)
  })
  ended.catch(() => {})
  const [message] = await Promise.race([once(child, 'message'), ended])
  return message as T
}
