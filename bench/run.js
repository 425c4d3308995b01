// npm run bench [-- --rounds=5 --only=append,single --events=100000 --seed=1 --write --mode=check]
//   --events      events of the large log; another number than the default has a baseline of its own
//   --write       keeps the result as bench/baseline.json, and docs/reference/performance.md with it
//   --mode=check  fails when a ratio is more than 20 % worse than the baseline's
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { toChart } from './chart.js'
import { contenders } from './contenders.js'
import { ratios } from './goals.js'
import { measure } from './measure.js'
import { toDocument, toMarkdown } from './report.js'
import { differences, fallsBehind, merge } from './summary.js'

const largeEvents = 100_000
const resultsFile = '.build/bench/results.json'
const documentFile = 'docs/reference/performance.md'
const chartFile = 'docs/reference/performance.svg'
const baselineFile = (events) => `bench/baseline${events === largeEvents ? '' : `-${events}`}.json`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    events: { type: 'string', default: String(largeEvents) },
    write: { type: 'boolean', default: false },
    mode: { type: 'string', default: 'measure' },
  },
})

const job = {
  commits: 10,
  eventsPerCommit: 1000,
  streams: 1000,
  warmUpCommits: 20,
  singles: 200,
  warmUpSingles: 200,
  concurrent: 1000,
  concurrentTimes: 5,
  pushedCommits: 10_000,
  pulledEvents: 100_000,
  firstSyncEvents: 200_000,
  subscribedEvents: 100_000,
  tailCommits: 10_000,
  foreignCommits: 20,
  warmUpForeignCommits: 5,
  largeEvents: Number(values.events),
  largeStreams: 100_000,
  durability: 'relaxed',
  seed: Number(values.seed),
}

const groups = values.only?.split(',')
const chosen = contenders.filter(
  ({ group, also }) => groups === undefined || groups.includes(group) || groups.includes(also),
)

const fail = (text) => {
  console.error(`bench: ${text}`)
  process.exit(1)
}
const isCount = (text) => /^[1-9]\d*$/.test(text)
if (!isCount(values.rounds) || !isCount(values.events)) fail('--rounds and --events are whole numbers from 1.')
for (const group of groups ?? [])
  if (!contenders.some((contender) => contender.group === group)) fail(`there is no group ${group}.`)
if (!['measure', 'check'].includes(values.mode)) fail('--mode is measure or check.')

const read = (file) => JSON.parse(readFileSync(file, 'utf8'))
const write = (file, value) => {
  mkdirSync(file.slice(0, file.lastIndexOf('/')), { recursive: true })
  writeFileSync(file, typeof value === 'string' ? value : `${JSON.stringify(value, null, 2)}\n`)
}

/** Keeps a result: of groups that did not run the baseline stays. The document shows all baselines. */
const keep = ({ rounds: _, ...result }) => {
  const file = baselineFile(job.largeEvents)
  write(file, existsSync(file) ? merge(read(file), result, { contenders, ratios }) : result)
  const other = readdirSync('bench').filter((name) => /^baseline-\d+\.json$/.test(name))
  const baselines = [baselineFile(largeEvents), ...other.map((name) => `bench/${name}`)].filter(existsSync).map(read)
  write(chartFile, toChart(baselines))
  write(documentFile, toDocument(baselines))
  console.log(`written to ${file}, ${documentFile} and ${chartFile}`)
}

const check = (result) => {
  const file = baselineFile(job.largeEvents)
  if (!existsSync(file)) fail(`there is no ${file} to compare with: --write makes it.`)
  const baseline = read(file)
  const other = differences(result, baseline)
  if (other.length > 0) fail(`${file} was measured with other numbers: ${other.join(', ')}. --write makes it anew.`)
  if (baseline.machine.browser !== result.machine.browser)
    console.error(`bench: measured in Chromium ${result.machine.browser}, the baseline in ${baseline.machine.browser}`)
  const worse = fallsBehind(result.ratios, baseline)
  for (const line of worse) console.error(`bench: ${line}`)
  if (worse.length > 0) process.exit(1)
  console.log('bench: no ratio is more than 20 % worse than the baseline')
}

const start = Date.now()
const result = await measure({ chosen, job, rounds: Number(values.rounds) })
write(resultsFile, result)
console.log(`\n${toMarkdown(result)}`)
console.log(`written to ${resultsFile}, after ${Math.round((Date.now() - start) / 1000)} s`)
if (values.write) keep(result)
if (values.mode === 'check') check(result)
