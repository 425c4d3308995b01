// One process of the simulator: runs seeds from `--from`, every `--step`th, and says what came of each as a line of JSON.
import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { keepIn } from './stores.ts'
import { runSeed } from './world.ts'

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    to: { type: 'string', default: '1' },
    step: { type: 'string', default: '1' },
    twice: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    until: { type: 'string', default: 'end' },
    store: { type: 'string' },
  },
})

// On a thread of its own it would end at another time in every run.
crypto.subtle.digest = async (_algorithm, data) =>
  new Uint8Array(
    createHash('sha256')
      .update(data as Uint8Array)
      .digest(),
  ).buffer

if (values.store !== undefined) await keepIn(values.store)

let unhandled: string[] = []
process.on('unhandledRejection', (error) => {
  unhandled.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
})

for (let seed = Number(values.from); seed <= Number(values.to); seed += Number(values.step)) {
  unhandled = []
  const started = performance.now()
  const first = await runSeed(seed, values.trace ? (line) => console.error(line) : undefined)
  const again = values.twice ? await runSeed(seed) : first
  const problems = [...first.problems]
  if (again.hash !== first.hash) problems.push(`two runs of seed ${seed} differ: ${first.hash} and ${again.hash}`)
  const ms = Math.round(performance.now() - started)
  console.log(JSON.stringify({ ...first, problems, unhandled, ms }))
  if (problems.length > 0 && values.until === 'failure') break
}
process.exit(0)
