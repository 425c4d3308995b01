// `npm start`: the demo and its sync server, in one process with one file of data.

import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../src/core/errors.ts'
import { createSyncHandler, type SyncHandler } from './handler.ts'
import { type Listening, listen } from './node.ts'
import { sqliteStore } from './sqlite-store.ts'

const portsTried = 20

/** The folder with package.json: this file runs from the sources' place and from dist. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT is "${text}", not 0 to 65535`)
  return port
}

/** Listens at `port`, or at the next one that is free. */
async function listenNear(port: number, host: string, handler: SyncHandler, staticDir: string): Promise<Listening> {
  for (let tried = port; ; tried++) {
    try {
      return await listen({ handler, host, port: tried, staticDir })
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (!taken || tried === port + portsTried || tried === 65_535) throw error
      console.error(`port ${tried} is taken, trying ${tried + 1}`)
    }
  }
}

async function main(): Promise<void> {
  const { PORT = '4173', HOST = '127.0.0.1', TIDELOG_DATA = '.data' } = process.env
  const port = portOf(PORT)
  const staticDir = join(packageRoot(), '.build', 'demo')
  if (!existsSync(join(staticDir, 'index.html'))) throw new Error('the demo is not built: run `npm run build` first')
  const folder = resolve(TIDELOG_DATA)
  mkdirSync(folder, { recursive: true })
  const store = sqliteStore(join(folder, 'log.db'))
  // A demo: everybody who reaches this machine may read and write. See `authenticate` and `authorize` for more.
  const handler = createSyncHandler({ store })
  const server = await listenNear(port, HOST, handler, staticDir)
  console.log(`tidelog demo: ${server.url}`)
  const stop = (): void => {
    void server.close().then(() => store.close())
  }
  // Once: a second signal ends the process the hard way.
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

main().catch((error: unknown) => {
  console.error(`tidelog: ${messageOf(error)}`)
  process.exitCode = 1
})
