import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Starts a sync server with a new file on disk, which serves the folder too; answers its ports and how to stop. */
export const startSyncServer = async (folder) => {
  const data = mkdtempSync(join(tmpdir(), 'tidelog-bench-server-'))
  const child = fork('bench/sync-server.js', [join(data, 'log.db'), folder])
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const ports = await new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => reject(new Error(`the sync server ended with ${code}`)))
  })
  const stop = async () => {
    child.disconnect()
    await exited
    rmSync(data, { recursive: true, force: true })
  }
  return { ...ports, stop }
}
