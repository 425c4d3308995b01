// A server in a process of its own, for a storm of clients. Says its port, then a line for each that it is asked.
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSyncHandler } from './handler.ts'
import { memoryStore } from './memory-store.ts'
import { listen } from './node.ts'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')
const handler = createSyncHandler({ store: memoryStore() })
const { port, close } = await listen({ handler, port: 0 })
console.log(port)
for await (const line of createInterface(process.stdin)) {
  if (line === 'close') break
  if (typeof collect === 'function') collect()
  console.log(`${handler.liveCount()} ${process.memoryUsage().heapUsed}`)
}
await close()
