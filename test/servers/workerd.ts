// The edge runtime of the tests' own: a bundled worker, its objects' disk in a temporary folder, any free port.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { rolldown } from 'rolldown'

export interface WorkerdOptions {
  /** A file of `test/servers`. */
  readonly entry: string
  /** The classes of objects; each is bound under its own name. */
  readonly classes: readonly string[]
  /** Whether the worker may import Node's modules. */
  readonly isNode?: boolean
  /** For all objects together; a runtime that needs more dies. Without it, as much as there is. */
  readonly heapMb?: number
}

export interface Workerd {
  /** Where it listens; another one after each start. */
  readonly url: () => string
  readonly start: () => Promise<void>
  /** Ends it as a crash would. */
  readonly crash: () => Promise<void>
  /** The bundled worker. */
  readonly code: string
  /** Where the objects of a class keep their databases. */
  readonly folderOf: (className: string) => string
  /** What it has said on its outputs. */
  readonly said: () => string
  /** Ends it and removes its folder. */
  readonly remove: () => Promise<void>
}

/** A line on the standard input ends it. When this process dies there is none, only the end: then its folder goes too. */
const guarded = `
  exec 4<&0
  folder=$0
  "$@" 4<&- </dev/null &
  pid=$!
  (read -r kept <&4; isTold=$?; kill -KILL $pid; [ $isTold -eq 0 ] || rm -rf "$folder") 3>&- >/dev/null 2>&1 &
  wait $pid`

export async function startWorkerd(options: WorkerdOptions): Promise<Workerd> {
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-edge-'))
  const code = await bundle(options, join(folder, 'worker.js'))
  mkdirSync(join(folder, 'disk'))
  writeFileSync(join(folder, 'config.capnp'), configOf(join(folder, 'disk'), options))
  let running: { readonly child: ChildProcess; readonly ended: Promise<unknown> } | undefined
  let url = ''
  let said = ''
  const start = async (): Promise<void> => {
    const args = [program(), 'serve', join(folder, 'config.capnp'), '--control-fd=3']
    // In a group of its own, so that it outlives whatever ends this one and can clean up.
    const child = spawn('sh', ['-c', guarded, folder, ...args], {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    running = { child, ended: once(child, 'close') }
    for (const output of [child.stdout, child.stderr])
      output?.on('data', (chunk) => {
        said = (said + String(chunk)).slice(-20_000)
      })
    // The fourth file is where it tells which port it was given.
    const lines = createInterface(child.stdio[3] as Readable)
    const line = await Promise.race([once(lines, 'line'), once(child, 'exit')]).then(([first]) => first as unknown)
    const port = /"port":(\d+)/.exec(String(line))?.[1]
    if (port === undefined) throw new Error(`workerd does not start: ${said}`)
    url = `http://127.0.0.1:${port}`
  }
  const crash = async (): Promise<void> => {
    if (running === undefined) return
    const { child, ended } = running
    running = undefined
    // It may have ended by itself.
    child.stdin?.on('error', () => {}).end('end\n')
    await ended
  }
  const remove = async (): Promise<void> => {
    await crash().finally(() => rmSync(folder, { recursive: true, force: true }))
  }
  await start().catch(async (error: unknown) => {
    await remove()
    throw error
  })
  return {
    url: () => url,
    start,
    crash,
    code,
    folderOf: (className) => join(folder, 'disk', className),
    said: () => said,
    remove,
  }
}

/** Not the program in `workerd/bin`, which an install script puts there: scripts may be switched off. */
function program(): string {
  const { platform, arch } = process
  const name = `@cloudflare/workerd-${platform === 'win32' ? 'windows' : platform}-${arch === 'x64' ? '64' : arch}`
  const require = createRequire(createRequire(import.meta.url).resolve('workerd'))
  return require.resolve(`${name}/bin/workerd${platform === 'win32' ? '.exe' : ''}`)
}

async function bundle({ entry, isNode = false }: WorkerdOptions, file: string): Promise<string> {
  // From the root, where everything runs: the simulator has this module in a bundle elsewhere.
  const bundle = await rolldown({
    input: join('test/servers', entry),
    platform: 'browser',
    external: isNode ? [/^node:/] : [],
    logLevel: 'silent',
  })
  await bundle.write({ format: 'esm', file })
  await bundle.close()
  return readFileSync(file, 'utf8')
}

const configOf = (disk: string, { classes, isNode = false, heapMb }: WorkerdOptions): string => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "disk", disk = (path = ${JSON.stringify(disk)}, writable = true)),
  ],
  v8Flags = [${heapMb === undefined ? '' : `"--max-heap-size=${heapMb}"`}],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-10-01",
  ${isNode ? 'compatibilityFlags = ["nodejs_compat"],' : ''}
  durableObjectNamespaces = [${classes
    .map((name) => `(className = "${name}", uniqueKey = "${name}", enableSql = true)`)
    .join(', ')}],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [${classes.map((name) => `(name = "${name}", durableObjectNamespace = "${name}")`).join(', ')}],
);
`
