// A browser as its user starts it: a program with a profile and an address. Vitest's page does the rest, so no driver
// has to know this browser's version, and nothing in it knows that it is tested.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineBrowserProvider } from '@vitest/browser'
import type { BrowserProviderOption } from 'vitest/node'

/** What lets a program be stopped with everything it started: itself and its children. */
const start = (program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess => {
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe'], env })
  child.on('error', (error) => console.error(`${program} does not start: ${error.message}`))
  return child
}

/** Signals a whole process group, and says whether there was any. */
const signal = (child: ChildProcess, name: NodeJS.Signals | 0): boolean => {
  try {
    return child.pid !== undefined && process.kill(-child.pid, name)
  } catch {
    return false
  }
}

export const stop = async (child: ChildProcess): Promise<void> => {
  signal(child, 'SIGTERM')
  for (let tries = 0; tries < 50 && signal(child, 0); tries++) await sleep(100)
  signal(child, 'SIGKILL')
}

/** A display that is not shown; the server itself chooses a number that is free. */
export const startDisplay = async (): Promise<{ readonly child: ChildProcess; readonly name: string }> => {
  const args = ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp']
  const child = start('Xvfb', args, process.env)
  const number = once(child.stdio[3] as NodeJS.ReadableStream, 'data').then(String)
  const ended = once(child, 'exit').then(() => undefined)
  const name = await Promise.race([number, ended, sleep(20_000, undefined, { ref: false })])
  if (name === undefined) throw new Error('Xvfb gave no display')
  return { child, name: `:${name.trim()}` }
}

const deaths = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface BareBrowser {
  /** The name that Vitest reports. */
  readonly name: string
  readonly profile: string
  readonly needsDisplay: boolean
  /** What is run to show a page; the profile exists by then. */
  readonly command: (url: string, profile: string) => { readonly program: string; readonly args: readonly string[] }
  readonly env?: (profile: string) => NodeJS.ProcessEnv
}

/** Vitest's provider for such a browser: one page, without commands that act as a user would. */
export function bareBrowser({ name, profile, needsDisplay, command, env }: BareBrowser): BrowserProviderOption {
  const home = resolve(profile)
  const started: ChildProcess[] = []
  const killAll = (): void => {
    for (const child of started) signal(child, 'SIGKILL')
  }
  // They are in groups of their own, so a signal to this process does not reach them.
  const killAllAndGo = (name: NodeJS.Signals): void => {
    killAll()
    process.removeListener(name, killAllAndGo)
    process.kill(process.pid, name)
  }
  return defineBrowserProvider({
    name,
    supportedBrowser: [name],
    providerFactory: (project) => {
      // The page asks for it before each file, and there is no window whose size would matter.
      project.browser?.registerCommand('__vitest_viewport' as never, (async () => undefined) as never)
      return {
        name,
        supportsParallelism: false,
        getCommandsContext: () => ({}),
        openPage: async (_session, url) => {
          process.once('exit', killAll)
          for (const name of deaths) process.once(name, killAllAndGo)
          mkdirSync(home, { recursive: true })
          const display = needsDisplay ? await startDisplay() : undefined
          if (display !== undefined) started.push(display.child)
          const { program, args } = command(url, home)
          const own = { ...process.env, ...env?.(home), ...(display === undefined ? {} : { DISPLAY: display.name }) }
          started.push(start(program, args, own))
        },
        // The display last: a browser that loses it complains.
        close: async () => {
          for (const child of started.splice(0).reverse()) await stop(child)
          process.off('exit', killAll)
          for (const name of deaths) process.off(name, killAllAndGo)
        },
      }
    },
  })
}
