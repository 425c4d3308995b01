// Opens the store that an address names, for processes that are given one: `postgresql://…`, or `nats://…,nats://… prefix`.
import { natsStore } from '../../server/nats.ts'
import { postgresStore } from '../../server/postgres.ts'
import type { LogStore } from '../../server/store.ts'

export function openStore(address: string, pollMs = 5_000): LogStore {
  const [servers = '', prefix = 'tidelog'] = address.split(' ')
  return servers.startsWith('nats:')
    ? natsStore({ servers, prefix, streams: 2, pollMs })
    : postgresStore({ connectionString: address, pollMs })
}
