// Chromium without a driver that changes how pages live: Playwright turns the back/forward cache off, and its tabs are
// always focused, which makes freezing them a no-op. The DevTools protocol is spoken over a pipe, without a port.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { launchOptions } from './device.ts'

/** What has not been answered by then will not. */
const answerMs = 20_000

type Answer = Readonly<Record<string, unknown>>
type Send = (method: string, params?: object) => Promise<Answer>
/** Functions of a page that can be called from here: what they take and answer is JSON. */
export type Callable = Readonly<Record<string, (...args: never[]) => unknown>>

export interface RawTab<Api extends Callable> {
  /** Calls a function of the page's `globalThis.tab`. */
  readonly call: <K extends keyof Api & string>(
    name: K,
    ...args: Parameters<Api[K]>
  ) => Promise<Awaited<ReturnType<Api[K]>>>
  readonly send: Send
  /** Brings it to the front. */
  readonly show: () => Promise<void>
  /** Closes it as its user would. */
  readonly close: () => Promise<void>
}
export interface RawBrowser {
  readonly send: Send
  /** In a browser context of its own, where one is given. */
  readonly openTab: <Api extends Callable>(url: string, browserContextId?: string) => Promise<RawTab<Api>>
  /** A tab that was opened otherwise. */
  readonly attach: <Api extends Callable>(targetId: string) => Promise<RawTab<Api>>
  readonly close: () => Promise<void>
}

export async function startRawBrowser(profile: string): Promise<RawBrowser> {
  const args = [...launchOptions.args, '--headless', '--remote-debugging-pipe', '--no-default-browser-check']
  // In a process group of its own, which its children join.
  const child = spawn(launchOptions.executablePath, [...args, `--user-data-dir=${profile}`, 'about:blank'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  const speak = speakOver(child.stdio[3] as Writable, child.stdio[4] as Readable)
  const browser = speak()
  const attach = async <Api extends Callable>(targetId: string): Promise<RawTab<Api>> => {
    const { sessionId } = await browser('Target.attachToTarget', { targetId, flatten: true })
    const send = speak(sessionId as string)
    await send('Page.enable')
    await send('Runtime.enable')
    return {
      call: async (name, ...args) => {
        const expression = `tab.${name}(${args.map((arg) => JSON.stringify(arg))})`
        const call = { expression, awaitPromise: true, returnByValue: true }
        const { result, exceptionDetails } = await send('Runtime.evaluate', call)
        if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
        return Reflect.get(result as object, 'value')
      },
      send,
      show: async () => {
        await browser('Target.activateTarget', { targetId })
      },
      close: async () => {
        await browser('Target.closeTarget', { targetId })
      },
    }
  }
  return {
    send: browser,
    attach,
    openTab: async (url, browserContextId) => {
      const { targetId } = await browser('Target.createTarget', { url, browserContextId })
      return attach(targetId as string)
    },
    close: async () => {
      await browser('Browser.close').catch(() => {})
      const kill = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), 5_000)
      await ended
      clearTimeout(kill)
    },
  }
}

/** The DevTools protocol over two ends of a pipe: messages of JSON, each with a zero byte behind it. */
function speakOver(input: Writable, output: Readable): (sessionId?: string) => Send {
  const waiting = new Map<number, (answer: Answer) => void>()
  let last = 0
  let rest = ''
  output.setEncoding('utf8').on('data', (text: string) => {
    const messages = (rest + text).split('\0')
    rest = messages.pop() ?? ''
    for (const message of messages) {
      const answer: Answer & { readonly id?: number } = JSON.parse(message)
      if (answer.id !== undefined) waiting.get(answer.id)?.(answer)
    }
  })
  // A browser that has ended takes no more questions; they are late below.
  input.on('error', () => {})
  return (sessionId) =>
    async (method, params = {}) => {
      const id = ++last
      const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve))
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${method} was not answered`)), answerMs)
      })
      const { error, result } = await Promise.race([answered, late]).finally(() => {
        clearTimeout(timer)
        waiting.delete(id)
      })
      if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`)
      return (result ?? {}) as Answer
    }
}
