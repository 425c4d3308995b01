// A sync server on loopback: a process of its own, its logs in the SQLite file of the first argument. It serves the
// page, the folder of the second, as well, so that nothing stands between page and server.
import { createSyncHandler } from 'tidelog/server'
import { listen } from 'tidelog/server/node'
import { sqliteStore } from 'tidelog/server/sqlite'

const [file, staticDir] = process.argv.slice(2)
const store = sqliteStore(file)
const server = await listen({ handler: createSyncHandler({ store }), port: 0, staticDir })
// Logs that are only known here have no segments.
const unsealing = createSyncHandler({ store, limits: { segmentEvents: Number.MAX_SAFE_INTEGER } })
const plain = await listen({ handler: unsealing, port: 0, staticDir })
process.send({ port: server.port, plainPort: plain.port })
// Also when the command was killed.
process.once('disconnect', () => Promise.all([server.close(), plain.close()]).then(() => store.close()))
