import type { ConsumerPorts } from './ports.ts'
import {
  askAll,
  askCheckpoint,
  chainsOf,
  type Layout,
  lastCheckpoint,
  layoutOfChain,
  type RowsCheckpoint,
} from './rows-layout.ts'

type Ports = Pick<ConsumerPorts, 'call' | 'database' | 'locks'>
/** Rows that are deleted at once. */
const sweptMax = 500

/** Deletes the rows of generations that are neither shown nor being built; what a crash has left, too. */
export async function sweepGenerations(
  ports: Ports,
  layout: Layout,
  { generation, building, last }: RowsCheckpoint,
  isOver: () => boolean,
): Promise<void> {
  const kept = [generation, building?.generation ?? generation, last + 1].sort((a, b) => a - b)
  let from = 0
  for (const next of kept) {
    if (next > from) await sweep(ports, chainsOf(layout, from).all, chainsOf(layout, next).all, isOver)
    from = next + 1
  }
}

/** Deletes the rows of older versions that no tab works on. A tab that comes back to one builds its rows anew. */
export async function sweepVersions(ports: Ports, layout: Layout, isOver: () => boolean): Promise<void> {
  const { call, locks, database } = ports
  const [found] = await call((api) => api.lookUp([askAll(layout.builds)]))
  const chains = new Set(found?.rows.map(({ chain }) => chain))
  for (const chain of chains) {
    const other = layoutOfChain(chain)
    if (chain === layout.checkpoint || other.version > layout.version || isOver()) continue
    await locks.request(`${database}/${other.lock}`, { timeoutMs: 0, mustExclude: true }, () =>
      retire(ports, other, isOver),
    )
  }
}

/** The rows are none from here on; only then they go. */
async function retire(ports: Ports, layout: Layout, isOver: () => boolean): Promise<void> {
  const [found] = await ports.call((api) => api.lookUp([askCheckpoint(layout)]))
  const present = lastCheckpoint(found?.rows ?? [])
  if (present === undefined) return
  const { version, last, erasedAt, generation, building } = present.at
  const value: RowsCheckpoint = { version, writer: '', generation: 0, position: 0, last, erasedAt }
  const add = [{ chain: layout.checkpoint, n: present.n + 1, value }]
  if (generation > 0 || building !== undefined) if (!(await ports.call((api) => api.keep({ add })))) return
  await sweepGenerations(ports, layout, value, isOver)
}

async function sweep({ call }: Ports, from: string, until: string, isOver: () => boolean): Promise<void> {
  // On from where it was: to look over what was deleted costs more with every step.
  for (let chain = from; !isOver(); ) {
    const [found] = await call((api) => api.lookUp([{ chain, until, limit: sweptMax }]))
    const [first, last] = [found?.rows[0], found?.rows.at(-1)]
    if (first === undefined || last === undefined) return
    await call((api) => api.keep({ delete: [{ chain: first.chain, from: first.n, last: last.chain, to: last.n }] }))
    chain = last.chain
  }
}
