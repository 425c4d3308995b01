// Appends to one log as often as it is told, two commits at a time, and prints each head that it was told is durable.
import { openStore } from './open.ts'
import { append } from './stores.ts'

const [address = '', name = '', runs = '1'] = process.argv.slice(2)
const store = openStore(address)
for (let run = 0; run < Number(runs); run++)
  process.stdout.write(`${await append(store, `${name}-${run}-a`, `${name}-${run}-b`)}\n`)
await store.close()
