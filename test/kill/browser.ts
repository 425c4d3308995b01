// A browser on a profile on disk, whose processes can all be killed at once.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { chromium, type Page } from 'playwright'
import { launchOptions } from '../e2e/device.ts'

export interface KillableBrowser {
  /** As it says of itself. */
  readonly version: string
  readonly page: Page
  /** Another page in the place of the one that is there, which may have crashed. */
  readonly renew: (url: string) => Promise<Page>
  /** Ends every process of the browser in one instant: nothing is said, finished or flushed by any of them. */
  readonly kill: () => Promise<void>
}

export async function startBrowser(profile: string, url: string): Promise<KillableBrowser> {
  const args = [
    ...launchOptions.args,
    '--headless',
    '--remote-debugging-port=0',
    '--remote-debugging-pipe',
    '--no-default-browser-check',
  ]
  // In a process group of its own, which its children join.
  const child = spawn(launchOptions.executablePath, [...args, `--user-data-dir=${profile}`, 'about:blank'], {
    detached: true,
    // The pipe is for nothing but its end: a browser that has one closes itself when the tests die before they kill it.
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  const kill = async (): Promise<void> => {
    killGroup(child)
    await ended
    while (isRunning(child)) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  try {
    const connected = await chromium.connectOverCDP(await endpointOf(child))
    const context = connected.contexts()[0]!
    const page = context.pages()[0] ?? (await context.newPage())
    await page.goto(url)
    const renew = async (next: string): Promise<Page> => {
      const another = await context.newPage()
      for (const old of context.pages()) if (old !== another) await old.close()
      await another.goto(next)
      return another
    }
    return { version: `Chromium ${connected.version()}`, page, renew, kill }
  } catch (error) {
    await kill()
    throw error
  }
}

/** False when the group has no process any more. */
function killGroup({ pid }: ChildProcess): boolean {
  if (pid === undefined) return false
  try {
    return process.kill(-pid, 'SIGKILL')
  } catch {
    return false
  }
}

/**
 * Whether a process of the group still runs: it may hold files of the profile, and write to them. The dead stay listed for a while; one
 * whose first thread is dead may have others in the middle of a write.
 */
function isRunning({ pid }: ChildProcess): boolean {
  if (!existsSync('/proc/self/stat')) return false
  return readdirSync('/proc').some((entry) => {
    if (!/^\d+$/.test(entry)) return false
    try {
      if (Number(fieldsOf(`/proc/${entry}/stat`)[2]) !== pid) return false
      return readdirSync(`/proc/${entry}/task`).some((thread) => {
        const [state = 'X'] = fieldsOf(`/proc/${entry}/task/${thread}/stat`)
        return state !== 'Z' && state !== 'X'
      })
    } catch {
      return false
    }
  })
}

/** What stands behind the name of a process or thread: its state, its parent, its group and more. */
function fieldsOf(file: string): readonly string[] {
  const stat = readFileSync(file, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

async function endpointOf(child: ChildProcess): Promise<string> {
  const said: string[] = []
  for await (const line of createInterface(child.stderr!)) {
    const endpoint = /^DevTools listening on (ws:\S+)$/.exec(line)?.[1]
    if (endpoint !== undefined) {
      child.stderr!.resume()
      return endpoint
    }
    said.push(line)
  }
  throw new Error(`the browser does not start: ${said.join('\n')}`)
}
