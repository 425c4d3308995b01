// What one machine carries: `npm run load`. Both the server and thousands of devices run on it, which is part of every figure.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { fanOut } from './fan-out.ts'
import { fleet } from './fleet.ts'
import { follow } from './follow.ts'
import { idle } from './idle.ts'
import { outage } from './outage.ts'
import { type Server, serve } from './processes.ts'
import { recovery } from './recovery.ts'
import { type Result, toDocument } from './report.ts'
import { createPlace, type StoreName, storeNames } from './stores.ts'
import { throughput } from './throughput.ts'

const parts = ['commits', 'live', 'idle', 'recovery', 'outage', 'fleet', 'follow'] as const
const help = `npm run load -- [options]
  --only commits,live,…   ${parts.join(', ')}; all by default
  --stores sqlite,…       ${storeNames.join(', ')}; all by default
  --seconds 5             of each measurement of throughput and fan-out
  --clients 1000,5000     live clients of the fan-out
  --devices 2000          of the fleet
  --events 1000000        of the log that is followed
  --write                 keeps the figures in bench/load.json and docs/reference/load.md; other parts stay as they were`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    only: { type: 'string', default: parts.join() },
    stores: { type: 'string', default: storeNames.join() },
    seconds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '1000,5000' },
    devices: { type: 'string', default: '2000' },
    events: { type: 'string', default: '1000000' },
    write: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(help)
  process.exit(0)
}
const only = values.only.split(',')
const stores = values.stores.split(',').map((name) => {
  if (!(storeNames as readonly string[]).includes(name)) throw new Error(`there is no store ${name}\n${help}`)
  return name as StoreName
})
const seconds = Number(values.seconds)
const result: { -readonly [K in keyof Result]: Result[K] } = {
  machine: `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 1e9)} GB, Node ${process.version}`,
}

async function on<T>(store: StoreName, work: (server: Server, address: string) => Promise<T>): Promise<T> {
  const place = await createPlace(store)
  const server = await serve('endpoint', place.address)
  try {
    return await work(server, place.address)
  } finally {
    await server.close()
    await place.remove()
  }
}
const say = <T>(what: string, figures: T): T => {
  console.log(`${what}: ${JSON.stringify(figures)}`)
  return figures
}

async function commits(store: StoreName): Promise<NonNullable<Result['commits']>[number]> {
  const clients = 50
  return on(store, async ({ url }) => ({
    store,
    single: await throughput({ url, clients, logs: clients, commits: 1, eventsPerCommit: 1, seconds }),
    shared: await throughput({ url, clients, logs: 1, commits: 1, eventsPerCommit: 1, seconds }),
    batches: await throughput({ url, clients: 8, logs: 8, commits: 100, eventsPerCommit: 10, seconds }),
  }))
}
async function live(clients: number): Promise<NonNullable<Result['live']>> {
  return on('sqlite', async ({ url }) => [
    await fanOut({ url, clients, logs: 1, commitsPerSecond: 1, seconds: seconds * 4 }),
    await fanOut({ url, clients, logs: clients / 10, commitsPerSecond: 100, seconds }),
  ])
}

if (only.includes('commits')) {
  result.commits = []
  for (const store of stores) result.commits.push(say('commits', await commits(store)))
}
if (only.includes('live')) {
  result.live = []
  for (const clients of values.clients.split(',')) result.live.push(...say('live', await live(Number(clients))))
}
if (only.includes('idle')) result.idle = say('idle', await idle({ clients: 4_000, rounds: 3 }))
if (only.includes('recovery')) {
  result.recovery = []
  for (const store of stores.filter((name) => name !== 'memory')) {
    const place = await createPlace(store)
    const figures = await recovery({ address: place.address, clients: 1_000 }).finally(place.remove)
    result.recovery.push(say('recovery', { store, ...figures }))
  }
}
if (only.includes('outage')) {
  result.outage = []
  for (const store of stores) {
    const place = await createPlace(store)
    const figures = place.servers && (await outage(place).finally(place.remove))
    if (figures === undefined) await place.remove()
    else result.outage.push(say('outage', { store, ...figures }))
  }
}
if (only.includes('fleet')) {
  result.fleet = []
  for (const store of stores) {
    const devices = Number(values.devices)
    const figures = await on(store, ({ url }) => fleet({ urls: [url], devices, logs: devices / 10, seconds: 40 }))
    result.fleet.push(say('fleet', { store, ...figures }))
  }
}
if (only.includes('follow'))
  result.follow = say('follow', await on('sqlite', ({ url }) => follow({ url, events: Number(values.events) })))

const file = 'bench/load.json'
if (values.write) {
  const before = (() => {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as Result
    } catch {
      return {}
    }
  })()
  const kept: Result = { ...before, ...result }
  mkdirSync('docs/reference', { recursive: true })
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`)
  writeFileSync('docs/reference/load.md', toDocument(kept))
  console.log(`written to ${file} and docs/reference/load.md`)
}
// The agents' sockets that the servers have not closed yet would hold this process for a while.
process.exit(0)
