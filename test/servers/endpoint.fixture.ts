// An endpoint over the store that it is told of, on any free port; prints its address and runs until it is killed.
import { createSyncHandler } from '../../server/handler.ts'
import { listen } from '../../server/node.ts'
import { openStore } from './open.ts'

const [address = ''] = process.argv.slice(2)
// Longer than any test: what is heard here is heard by a notice.
const store = openStore(address, 3_600_000)
const { url } = await listen({ handler: createSyncHandler({ store }), port: 0 })
process.stdout.write(`${url}\n`)
