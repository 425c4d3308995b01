// A sync endpoint in a process of its own, over the store it is told of. Says its address, then what it weighs when asked.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSyncHandler } from '../../server/handler.ts'
import { listen } from '../../server/node.ts'
import { openStore } from './stores.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const [address = 'memory'] = process.argv.slice(2)
const store = await openStore(address)
// Servers of stores are killed on purpose here.
const handler = createSyncHandler({ store, onError: () => {} })
const { url, close } = await listen({ handler, port: 0 })
process.on('message', () => {
  collect()
  collect()
  process.send?.({ ...process.memoryUsage(), live: handler.liveCount() })
})
process.once('disconnect', () => void close().then(() => store.close()))
process.send?.(url)
