// Appends runs of two commits to one log, as often as it is told, and prints each head that it was told is durable.
import { sequence } from './sequence.ts'
import { sqliteStore } from './sqlite-store.ts'

const [path = '', name = '', runs = '1'] = process.argv.slice(2)
const store = sqliteStore(path)
for (let run = 0; run < Number(runs); ) {
  const head = await store.head('cart')
  const placeables = ['a', 'b'].map((half) => ({
    id: `${name}-${run}-${half}`,
    contentId: `${name}-${run}-${half}.p`,
    eventsCount: 1,
    text: '{}',
  }))
  const { taken } = await store.append('cart', head.position, sequence(placeables, head))
  if (taken === 0) continue
  run++
  process.stdout.write(`${head.position + taken}\n`)
}
await store.close()
