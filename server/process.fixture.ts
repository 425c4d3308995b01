import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/**
 * Bundles a module of this folder, so that a process of its own can run it: Node 20 does not read TypeScript. Two files of
 * tests that bundle the same one need two names.
 */
export async function bundle(entry: string, name: string = entry): Promise<string> {
  const outDir = fileURLToPath(new URL(`../.build/test-server/${name}`, import.meta.url))
  await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      ssr: fileURLToPath(new URL(entry, import.meta.url)),
      outDir,
      emptyOutDir: true,
      rolldownOptions: { output: { entryFileNames: 'entry.mjs' } },
    },
  })
  return `${outDir}/entry.mjs`
}

/** A process and the lines it prints. */
export interface Running {
  readonly child: ChildProcess
  /** The next line of standard output; `undefined` when it has ended. */
  readonly line: () => Promise<string | undefined>
  /** Exit code or signal, when it has ended. */
  readonly ended: Promise<number | string>
  /** What it has said on standard error so far. */
  readonly said: () => string
}

export function run(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Running {
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += String(chunk)
  })
  return {
    child,
    line: async () => (await lines.next()).value,
    ended: once(child, 'exit').then(([code, signal]) => code ?? signal),
    said: () => errors,
  }
}
