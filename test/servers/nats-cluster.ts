// A NATS cluster of the tests' own: three servers on loopback with JetStream, whose files are in a temporary folder.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'

export interface NatsCluster {
  /** The addresses of all servers. */
  readonly servers: readonly string[]
  /** Ends a server as a crash would. */
  readonly kill: (nth: number) => Promise<void>
  /** Starts a server that does not run. */
  readonly start: (nth: number) => void
  /** Stops a server without ending it, as a machine that is overloaded, or cut off; `SIGCONT` lets it go on. */
  readonly signal: (nth: number, signal: NodeJS.Signals) => void
  /** Resolves when JetStream answers, and each stream has its leader and all of its replicas. */
  readonly whole: () => Promise<void>
  /** Number of the server that leads a stream. */
  readonly leaderOf: (stream: string) => Promise<number>
  /** Where a server keeps its files. */
  readonly folderOf: (nth: number) => string
  /** Ends it and removes its folder. */
  readonly remove: () => Promise<void>
}

/** When this process dies its end of the standard input is closed: then the server ends as well. */
const guarded = `
  exec 3<&0
  "$0" "$@" 3<&- &
  pid=$!
  echo $pid
  (read -r kept <&3; kill -KILL $pid) 2>/dev/null &
  wait $pid 2>/dev/null`

interface Server {
  readonly shell: ChildProcess
  readonly pid: Promise<number>
}

export async function startNats(count = 3, settings = '', hasJetStream = true): Promise<NatsCluster> {
  const program = programOf()
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-nats-'))
  const ports = await freePorts(count * 2)
  const portOf = (nth: number): number => ports[nth] ?? 0
  const routes = Array.from({ length: count }, (_, nth) => `nats-route://127.0.0.1:${portOf(count + nth)}`)
  const servers = Array.from({ length: count }, (_, nth) => `127.0.0.1:${portOf(nth)}`)
  const running = new Map<number, Server>()
  const start = (nth: number): void => {
    if (running.has(nth)) return
    const file = join(folder, `n${nth}.conf`)
    writeFileSync(
      file,
      configOf({ nth, folder, port: portOf(nth), routes: count > 1 ? routes : [], settings, hasJetStream }),
    )
    const shell = spawn('sh', ['-c', guarded, program, '-c', file], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const pid = once(shell.stdout, 'data').then(([line]) => Number(String(line)))
    running.set(nth, { shell, pid })
  }
  const kill = async (nth: number): Promise<void> => {
    const server = running.get(nth)
    if (server === undefined) return
    running.delete(nth)
    const ended = once(server.shell, 'close')
    process.kill(await server.pid, 'SIGKILL')
    server.shell.stdin?.end()
    await ended
  }
  const remove = async (): Promise<void> => {
    await Promise.all([...running.keys()].map(kill)).finally(() => rmSync(folder, { recursive: true, force: true }))
  }
  const whole = (): Promise<void> =>
    untilWhole(
      () => isWhole(servers, count, hasJetStream),
      () => logsOf(folder, count),
    )
  for (let nth = 0; nth < count; nth++) start(nth)
  await whole().catch(async (error: unknown) => {
    await remove()
    throw error
  })
  return {
    servers,
    start,
    kill,
    whole,
    folderOf: (nth) => join(folder, `n${nth}`),
    signal: (nth, signal) => void running.get(nth)?.pid.then((pid) => process.kill(pid, signal)),
    leaderOf: (stream) =>
      withNats(servers, async (connection) => {
        const { cluster } = await (await jetstreamManager(connection)).streams.info(stream)
        return Number(cluster?.leader?.slice(1))
      }),
    remove,
  }
}

interface Config {
  readonly nth: number
  readonly folder: string
  readonly port: number
  readonly routes: readonly string[]
  readonly settings: string
  readonly hasJetStream: boolean
}

const configOf = ({ nth, folder, port, routes, settings, hasJetStream }: Config): string => `
  host: 127.0.0.1
  port: ${port}
  server_name: n${nth}
  log_file: "${folder}/n${nth}.log"
  ${hasJetStream ? `jetstream { store_dir: "${folder}/n${nth}" }` : ''}
  ${routes.length > 0 ? `cluster { name: tests, host: 127.0.0.1, port: ${routes[nth]?.split(':').at(-1)}, routes: [${routes.join(', ')}] }` : ''}
  ${settings}`

const logsOf = (folder: string, count: number): string =>
  Array.from({ length: count }, (_, nth) => join(folder, `n${nth}.log`))
    .map((file) => (existsSync(file) ? readFileSync(file, 'utf8').slice(-1_000) : ''))
    .join('\n')

function programOf(): string {
  const folders = ['/usr/sbin', '/usr/local/bin', ...(process.env.PATH ?? '').split(delimiter)]
  const found = [process.env.TIDELOG_NATS ?? '', ...folders.map((folder) => join(folder, 'nats-server'))].find(
    (path) => path !== '' && existsSync(path),
  )
  if (found === undefined) throw new Error('NATS is not installed: run `npm run test:servers`')
  return found
}

/** Servers of a cluster have to know one another's ports before they start. */
async function freePorts(count: number): Promise<readonly number[]> {
  const open = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(open.map((server) => once(server, 'listening')))
  const ports = open.map((server) => Object(server.address()).port as number)
  await Promise.all(open.map((server) => once(server.close(), 'close')))
  return ports
}

async function untilWhole(isReady: () => Promise<boolean>, said: () => string): Promise<void> {
  for (const end = Date.now() + 60_000; ; ) {
    try {
      if (await isReady()) return
      if (Date.now() > end) throw new Error('a stream is not whole')
    } catch (error) {
      if (Date.now() > end) throw new Error(`NATS does not start: ${error} ${said()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const isWhole = (servers: readonly string[], count: number, hasJetStream: boolean): Promise<boolean> =>
  withNats(servers, async (connection) => {
    for (const server of servers) await withNats([server], async () => {})
    if (!hasJetStream) return true
    const manager = await jetstreamManager(connection, { timeout: 1_000 })
    if (count > 1) {
      // A cluster that answers may not know all of its servers yet: it refuses to place a stream then.
      await manager.streams.add({ name: 'whole', subjects: ['whole'], num_replicas: count })
      await manager.streams.delete('whole')
    }
    for await (const { cluster, config } of manager.streams.list()) {
      const current = cluster?.replicas?.filter(({ current, offline }) => current && offline !== true) ?? []
      if (count > 1 && (cluster?.leader === undefined || current.length + 1 < config.num_replicas)) return false
    }
    return true
  })

/** A connection for as long as the work takes. */
export async function withNats<T>(
  servers: readonly string[],
  work: (connection: NatsConnection) => Promise<T>,
): Promise<T> {
  const connection = await connect({ servers: [...servers], timeout: 2_000 })
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}
