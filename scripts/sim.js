// The simulator: `npm run sim -- --seeds 2000` lives through many seeds of several devices, tabs and a server on a simulated
// clock, disk and network, and judges each. `--seed 17` replays one, `--trace` says all that happens in it, `--from 5000`
// begins elsewhere, `--twice` lives through each seed two times and compares. `--store sqlite`, `postgres`, `nats` or `edge` has the
// server keep its logs there instead of in memory; a seed has the same story in each.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { bundleSim, mustHappenIn, placeFor, simFile } from './sim-bundle.js'
import { fail } from './steps.js'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    twice: { type: 'boolean', default: false },
    store: { type: 'string' },
    processes: { type: 'string', default: String(Math.min(4, availableParallelism())) },
  },
})
/** So many failures are shown in full. */
const shownMax = 5
/** A run of so many seeds has to have seen everything, and one of so many what no run can do without. */
const seedsForAll = 200
const seedsForSome = 10

const from = Number(values.seed ?? values.from)
const count = values.seed === undefined ? Number(values.seeds) : 1
const processes = Math.max(1, Math.min(Number(values.processes), count))
if (!(count > 0) || !(from >= 0)) fail('sim: --seeds and --from are whole numbers.')

const where = values.store === undefined ? '' : ` --store ${values.store}`

const sums = {}
const failures = []
const unhandled = new Map()
let seeds = 0
let steps = 0

const take = (line) => {
  const { seed, problems, counts, unhandled: rejections, steps: taken, hash } = JSON.parse(line)
  seeds += 1
  steps += taken
  for (const [what, times] of Object.entries(counts)) sums[what] = (sums[what] ?? 0) + times
  for (const text of rejections) {
    const [first] = text.split('\n')
    unhandled.set(first, { seed, times: (unhandled.get(first)?.times ?? 0) + 1 })
  }
  if (count === 1) console.log(`sim: seed ${seed} took ${taken} steps, trace ${hash}`)
  if (problems.length === 0) return
  failures.push(seed)
  if (failures.length > shownMax) return
  console.error(`\nsim: seed ${seed} breaks a promise. Again: npm run sim -- --seed ${seed}${where} --trace`)
  for (const problem of problems.slice(0, 12)) console.error(`  ${problem}`)
}

const runPart = (nth, address) =>
  new Promise((resolve) => {
    const store = address === undefined ? [] : ['--store', address]
    const more = [values.trace ? '--trace' : [], values.twice ? '--twice' : [], store].flat()
    const range = ['--from', `${from + nth}`, '--to', `${from + count - 1}`, '--step', `${processes}`]
    const child = spawn(process.execPath, ['--enable-source-maps', simFile, ...range, ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    createInterface({ input: child.stdout }).on('line', take)
    child.on('close', (code) => {
      if (code !== 0) failures.push(`a process ended with ${code}`)
      resolve()
    })
  })

const started = performance.now()
await bundleSim()
const place = values.store === undefined ? undefined : await placeFor(values.store)
await Promise.all(Array.from({ length: processes }, (_, nth) => runPart(nth, place?.address)))
await place?.stop()

const seconds = (performance.now() - started) / 1000
if (count > 1)
  for (const [what, times] of Object.entries(sums).sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`  ${what}: ${times}`)
for (const [text, { seed, times }] of unhandled)
  console.log(`sim: rejected and heard by nobody, ${times} times, such as in seed ${seed}: ${text}`)
const speed = `${seconds.toFixed(1)} s, ${(seeds / seconds).toFixed(1)} seeds/s, ${steps} steps`
console.log(`sim: ${seeds} seeds from ${from}, ${failures.length} failed (${speed})`)
if (failures.length > 0) fail(`sim: failed: ${failures.join(', ')}`)
const { mustHappen, mustAlwaysHappen } = await mustHappenIn()
const wanted = seeds < seedsForAll ? mustAlwaysHappen : mustHappen
const missing = seeds < seedsForSome ? [] : wanted.filter((what) => !sums[what])
if (missing.length > 0) fail(`sim: this never happened, so it was not tested: ${missing.join(' · ')}`)
