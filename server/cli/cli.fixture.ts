// The program as a process of its own, and what it writes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PullPage, PushAnswer, Seen } from '../../src/protocol/sync.ts'
import { json, runOf } from '../handler.fixture.ts'
import type { Sketch } from '../judge.fixture.ts'
import { bundle, type Running, run } from '../process.fixture.ts'
import { nothing } from '../sequence.ts'

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

export interface Program extends Running {
  /** The lines of its log so far. */
  readonly lines: () => readonly LogLine[]
  /** The first line that begins so; rejects when the program ends without it. */
  readonly says: (msg: string) => Promise<LogLine>
}

/** A folder of its own for a test, and the programs that run in it. */
export class Place {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'tidelog-cli-'))
  readonly #file: string
  readonly #programs: Program[] = []
  constructor(file: string) {
    this.#file = file
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
    const running = run(this.#file, args, { cwd: this.folder, env })
    const lines = (): readonly LogLine[] =>
      running
        .said()
        .split('\n')
        .filter((line) => line.startsWith('{') && line.endsWith('}'))
        .map((line) => JSON.parse(line))
    const says = async (msg: string): Promise<LogLine> => {
      let hasEnded = false
      void running.ended.then(() => {
        hasEnded = true
      })
      for (;;) {
        const found = lines().find((line) => line.msg.startsWith(msg))
        if (found !== undefined) return found
        if (hasEnded) throw new Error(`it has ended without "${msg}": ${running.said()}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    const program = { ...running, lines, says }
    this.#programs.push(program)
    return program
  }

  /** Serves at any free port, and gives the addresses. */
  async serve(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly program: Program; readonly url: string; readonly metrics: string }> {
    const program = this.start(['serve', '--port', '0', ...args], env)
    const { url, metrics = url } = await program.says('listening')
    return { program, url: String(url), metrics: String(metrics) }
  }

  /** Runs it to its end. */
  async run(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly code: number | string; readonly said: string; readonly lines: readonly LogLine[] }> {
    const program = this.start(args, env)
    const code = await program.ended
    return { code, said: program.said(), lines: program.lines() }
  }

  async remove(): Promise<void> {
    for (const { child, ended } of this.#programs) {
      child.kill('SIGKILL')
      await ended
    }
    rmSync(this.folder, { recursive: true })
  }
}

/** Bundles the program; `name` tells the bundles of several test files apart. */
export const bundleCli = (name: string): Promise<string> => bundle('cli.ts', `cli-${name}`)

type Headers = Readonly<Record<string, string>>

export const pushTo = async (
  url: string,
  sketches: readonly Sketch[],
  { seen = nothing, log = 'cart', headers = {} }: { seen?: Seen; log?: string; headers?: Headers } = {},
): Promise<Response> =>
  fetch(`${url}/sync/${log}/push`, {
    method: 'POST',
    headers: { ...json, ...headers },
    body: JSON.stringify(runOf(sketches, seen)),
  })

export const pushedTo = async (...given: Parameters<typeof pushTo>): Promise<PushAnswer> =>
  (await (await pushTo(...given)).json()) as PushAnswer

export const pullFrom = async (url: string, seen: Seen = nothing, log = 'cart'): Promise<PullPage> => {
  const query = `position=${seen.position}&digest=${seen.digest}`
  return (await (await fetch(`${url}/sync/${log}/pull?${query}`, { headers: json })).json()) as PullPage
}
