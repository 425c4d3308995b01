// Servers for the stores that need one, each started for one run of the simulator and ended with it.
import { startCluster } from '../servers/cluster.ts'
import { startNats } from '../servers/nats-cluster.ts'
import { startWorkerd } from '../servers/workerd.ts'

/** Where a store of that name is to be reached, and how it ends. A name that needs no server is its own address. */
export async function startPlace(
  name: string,
): Promise<{ readonly address: string; readonly stop: () => Promise<void> }> {
  if (name === 'postgres') {
    const cluster = await startCluster()
    return { address: cluster.url, stop: cluster.remove }
  }
  if (name === 'nats') {
    const { servers, remove } = await startNats()
    return { address: servers.map((server) => `nats://${server}`).join(), stop: remove }
  }
  if (name === 'edge') {
    const workerd = await startWorkerd({ entry: 'edge-calls.fixture.ts', classes: ['CallObject'] })
    return { address: workerd.url(), stop: workerd.remove }
  }
  return { address: name, stop: async () => {} }
}
