// The package as it is shipped, in a folder of its own, with the page of these tests in the demo's place.
import { cpSync, existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import type { Seen } from '../../src/protocol/sync.ts'
import { type ServerProcess, startServer } from '../e2e/server-process.ts'

export const logName = 'harbour'
export const streams: readonly string[] = ['quay', 'pier']
export const nothing: Seen = { position: 0, digest: '0'.repeat(16) }

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Harbour {
  readonly server: ServerProcess
  /** The server's SQLite file. */
  readonly file: string
}

/** Builds a page in `folder` and starts the built server there: pages at its address open the log of these tests. */
export async function startHarbour(folder: string, source: 'page' | 'yard' = 'page'): Promise<Harbour> {
  if (!existsSync(join(root, 'dist'))) throw new Error('the package is not built: run `npm run build` first')
  const installed = join(folder, 'installed')
  const demo = join(installed, '.build', 'demo')
  const page = fileURLToPath(new URL(source, import.meta.url))
  await build({ configFile: false, logLevel: 'error', root: page, build: { outDir: demo }, worker: { format: 'es' } })
  cpSync(join(root, 'dist'), join(installed, 'dist'), { recursive: true })
  cpSync(join(root, 'package.json'), join(installed, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'))
  const data = join(folder, 'data')
  const server = await startServer(data, join(installed, 'dist', 'server', 'main.js'))
  return { server, file: join(data, 'log.db') }
}
