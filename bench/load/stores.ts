// Stores by their addresses, and servers for those that need one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryStore } from '../../server/memory-store.ts'
import type { LogStore } from '../../server/store.ts'
import { startCluster } from '../../test/servers/cluster.ts'
import { startNats } from '../../test/servers/nats-cluster.ts'
import { pause } from './figures.ts'

export const storeNames = ['memory', 'sqlite', 'postgres', 'nats'] as const
export type StoreName = (typeof storeNames)[number]

/** A place for logs, made for one run. */
export interface Place {
  readonly address: string
  /** What of it can be killed and brought back. */
  readonly servers?: readonly {
    readonly name: string
    readonly kill: () => Promise<void>
    readonly restore: () => Promise<void>
  }[]
  readonly remove: () => Promise<void>
}

export async function createPlace(name: StoreName): Promise<Place> {
  if (name === 'postgres') {
    // Durable as in production: the tests leave this out, a measurement must not.
    const cluster = await startCluster(['fsync=on'])
    const servers = [{ name: 'the server', kill: cluster.crash, restore: cluster.start }]
    return { address: cluster.url, servers, remove: cluster.remove }
  }
  if (name === 'nats') {
    const cluster = await startNats()
    const servers = cluster.servers.map((_, nth) => ({
      name: `server ${nth + 1} of 3`,
      kill: () => cluster.kill(nth),
      // The other two go on without it; it is back before the next one goes.
      restore: async () => {
        await pause(10_000)
        cluster.start(nth)
        await cluster.whole()
      },
    }))
    return { address: cluster.servers.map((server) => `nats://${server}`).join(), servers, remove: cluster.remove }
  }
  if (name === 'memory') return { address: name, remove: async () => {} }
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-load-'))
  const remove = async (): Promise<void> => rmSync(folder, { recursive: true, force: true })
  return { address: `sqlite:${join(folder, 'log.db')}`, remove }
}

export async function openStore(address: string): Promise<LogStore> {
  if (address === 'memory') return memoryStore()
  if (address.startsWith('sqlite:'))
    return (await import('../../server/sqlite.ts')).sqliteStore(address.slice('sqlite:'.length))
  if (address.startsWith('postgresql:'))
    return (await import('../../server/postgres.ts')).postgresStore({ connectionString: address })
  if (address.startsWith('nats:')) return (await import('../../server/nats.ts')).natsStore({ servers: address })
  throw new Error(`there is no store at ${address}`)
}
