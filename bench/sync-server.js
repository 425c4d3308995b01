// A sync server on loopback: a process of its own, its logs in the SQLite file of the first argument. It serves the
// page, the folder of the second, as well, so that nothing stands between page and server.
import { createSyncHandler } from 'tidelog/server'
import { listen } from 'tidelog/server/node'
import { sqliteStore } from 'tidelog/server/sqlite'

const [file, staticDir] = process.argv.slice(2)
const store = sqliteStore(file)
const server = await listen({ handler: createSyncHandler({ store }), port: 0, staticDir })
process.send({ port: server.port })
// Also when the command was killed.
process.once('disconnect', () => server.close().then(() => store.close()))
