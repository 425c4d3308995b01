// Who may import whom, as data. Rooms form layers: core ← protocol ← { store, log, projection, consumer, sync } ←
// { client, worker, server }. A room may always import from itself. `type X` allows `import type` and nothing else.

export interface Room {
  readonly rooms: readonly string[]
  /** npm packages and Node's own modules (`node:*`): each is behind one small door, so that it can be replaced. */
  readonly packages: readonly string[]
}

const core = 'src/core'
const protocol = 'src/protocol'
/** The interface of a store, without any of the stores. */
const store = 'src/store/store.ts'
/** The browser's clock, randomness, locks and channels behind the ports of core. */
const platform = 'src/platform'
const everyRoom = ['src', 'worker', 'server']

export const rooms: Readonly<Record<string, Room>> = {
  [core]: { rooms: [], packages: ['type @standard-schema/spec'] },
  [protocol]: { rooms: [core], packages: [] },
  [platform]: { rooms: [core], packages: [] },
  'src/store': { rooms: [core, protocol], packages: ['idb'] },
  'src/segments': { rooms: [core], packages: [] },
  'src/log': { rooms: [core, protocol, store, 'src/segments'], packages: [] },
  'src/projection': { rooms: [core, protocol], packages: [] },
  'src/consumer': { rooms: [core, protocol, 'src/log'], packages: [] },
  'src/sync': { rooms: [core, protocol, 'src/segments', 'src/log'], packages: [] },
  'src/client': {
    rooms: [core, protocol, platform, 'src/log', 'src/projection', 'src/consumer', 'src/sync'],
    packages: ['comlink'],
  },
  'src/react': { rooms: [core, 'type src/protocol', 'type src/client/types.ts'], packages: ['react'] },
  'src/transfer': { rooms: [core, platform, 'src/segments', 'src/client'], packages: [] },
  'src/storage': { rooms: [core, 'src/client', 'type src/protocol/worker.ts'], packages: [] },
  'src/subscribe': {
    rooms: [core, platform, 'src/consumer', 'src/client'],
    packages: [],
  },
  'src/automation': { rooms: [core, 'src/consumer', 'src/client', 'src/subscribe'], packages: [] },
  'src/development': { rooms: [core], packages: [] },
  'src/lifecycle': { rooms: [core, 'src/client', 'type src/protocol/worker.ts'], packages: [] },
  'src/replica': { rooms: [core, platform, 'src/client', 'type src/protocol/worker.ts'], packages: [] },
  'src/read-model': { rooms: [core, protocol, 'src/consumer', 'src/client', 'src/subscribe'], packages: [] },
  'src/record': { rooms: [core, platform, 'type src/client/types.ts'], packages: [] },
  'src/opentelemetry': {
    rooms: [core, 'src/consumer', 'src/subscribe', 'type src/client/inside.ts'],
    packages: ['@opentelemetry/api'],
  },
  'src/testing': { rooms: everyRoom, packages: [] },
  'src/index.ts': { rooms: [core, protocol, 'src/client'], packages: [] },
  worker: {
    rooms: [core, protocol, platform, 'src/store', 'src/log', 'src/projection', 'src/consumer', 'src/sync'],
    packages: ['comlink'],
  },
  // Before `server`, which it is in.
  'server/log': {
    rooms: [
      core,
      protocol,
      platform,
      'src/store',
      'src/segments',
      'src/log',
      'src/consumer',
      'src/client',
      'src/subscribe',
      'server',
    ],
    packages: [],
  },
  server: {
    rooms: [core, protocol, 'src/segments'],
    packages: [
      'libsql',
      'pg',
      '@nats-io/jetstream',
      '@nats-io/transport-node',
      '@remix-run/node-fetch-server',
      'node:*',
    ],
  },
  // As an app would: the public entries, and a schema library of its own choice.
  demo: { rooms: [], packages: ['tidelog', 'valibot'] },
}

/** Rooms whose code takes time, timers and randomness from ports, so that a simulation can own them. */
export const portsOnly: readonly string[] = [
  core,
  protocol,
  'src/segments',
  'src/log',
  'src/projection',
  'src/consumer',
  'src/sync',
  'src/read-model',
]
