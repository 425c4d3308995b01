// A PostgreSQL cluster of the tests' own: in a temporary folder, reached by a socket in it, run by an unprivileged user.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import pg from 'pg'

export interface Cluster {
  readonly url: string
  /** Another database of it, made now. */
  readonly createDatabase: (name: string, options?: string) => Promise<string>
  /** Ends all its processes as a crash would: nothing is written that was not written already. */
  readonly crash: () => Promise<void>
  readonly start: () => Promise<void>
  /** Ends it and removes its folder. */
  readonly remove: () => Promise<void>
}

/** When this process dies its end of the standard input is closed: then the cluster ends, and its folder goes. */
const guarded = `
  exec 3<&0
  postgres "$@" 3<&- &
  pid=$!
  (read -r kept <&3 || { kill -INT $pid; while kill -0 $pid; do sleep 0.1; done; rm -rf "$0"; }) 2>/dev/null &
  wait $pid`

export async function startCluster(settings: readonly string[] = []): Promise<Cluster> {
  const owner = ownerOf()
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-pg-'))
  const data = join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  if (owner !== undefined) for (const path of [folder, data]) chownSync(path, owner.uid, owner.gid)
  const env = { ...process.env, PATH: `${programsFolder()}${delimiter}${process.env.PATH}`, HOME: folder, LC_ALL: 'C' }
  const options = { cwd: folder, env, ...owner }
  execFileSync('initdb', ['-D', data, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--no-sync'], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const url = urlOf(folder, 'postgres')
  let running: ChildProcess | undefined
  const start = async (): Promise<void> => {
    // Processes are killed here, not machines: what the kernel has is kept, and a start does not wait for the disk.
    const given = [
      'fsync=off',
      'listen_addresses=',
      `unix_socket_directories=${folder}`,
      'max_connections=60',
      ...settings,
    ]
    const args = ['-c', guarded, folder, '-D', data, ...given.flatMap((setting) => ['-c', setting])]
    // In a group of its own, so that it outlives whatever ends this one and can clean up.
    const child = spawn('sh', args, { ...options, detached: true, stdio: ['pipe', 'ignore', 'pipe'] })
    let said = ''
    child.stderr?.on('data', (chunk) => {
      said = (said + String(chunk)).slice(-4_000)
    })
    running = child
    await answers(url, child, () => said)
  }
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (running === undefined) return
    const ended = once(running, 'close')
    const [pid] = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    process.kill(Number(pid), signal)
    running.stdin?.end('kept\n')
    await ended
    running = undefined
  }
  const remove = async (): Promise<void> => {
    await stop('SIGINT').finally(() => rmSync(folder, { recursive: true, force: true }))
  }
  await start().catch(async (error: unknown) => {
    await remove().catch(() => {})
    throw error
  })
  return {
    url,
    start,
    async createDatabase(name, more = '') {
      await withClient(url, (client) => client.query(`CREATE DATABASE ${name} ${more}`))
      return urlOf(folder, name)
    },
    crash: () => stop('SIGQUIT'),
    remove,
  }
}

const urlOf = (folder: string, name: string): string => `postgresql://postgres@${encodeURIComponent(folder)}/${name}`

/** PostgreSQL refuses to run as root. */
function ownerOf(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = ['postgres:', 'nobody:'].flatMap((name) => lines.find((line) => line.startsWith(name)) ?? []).at(0)
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) }
}

/** Debian keeps the programs of each version in a folder of its own, which is on nobody's path. */
function programsFolder(): string {
  const versions = '/usr/lib/postgresql'
  const found = existsSync(versions) ? readdirSync(versions).map((name) => join(versions, name, 'bin')) : []
  const path = (process.env.PATH ?? '').split(delimiter)
  const folder = [process.env.TIDELOG_POSTGRES ?? '', ...found.sort().reverse(), ...path].find(
    (folder) => folder !== '' && existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')),
  )
  if (folder === undefined) throw new Error('PostgreSQL is not installed: run `npm run test:servers`')
  return folder
}

async function answers(url: string, child: ChildProcess, said: () => string): Promise<void> {
  for (const end = Date.now() + 60_000; ; ) {
    try {
      return await withClient(url, async () => {})
    } catch (error) {
      if (child.exitCode !== null || Date.now() > end) throw new Error(`PostgreSQL does not start: ${said()} ${error}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** A connection for as long as the work takes. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
