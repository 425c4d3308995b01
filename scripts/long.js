// The long set: what `npm test` and CI do now and then, often. All of it runs, whatever fails; takes hours.
// `--only=kills,fuzz` chooses.
import { spawnSync } from 'node:child_process'
import { bin } from './steps.js'

const vitest = [bin.vitest, 'run']
const hour = 3_600_000
/** Files whose properties `TIDELOG_RUNS` repeats. */
const properties = [
  'server/fuzz',
  'src/log/seal.test',
  'src/log/erase.test',
  'test/decided-again.property',
  'test/compose.test',
  'test/hostile.test',
]
const parts = [
  { name: 'kills', env: { TIDELOG_KILLS: '200' }, args: [...vitest, '--project=kill'] },
  { name: 'fuzz', env: { TIDELOG_FUZZ: '100000' }, args: [...vitest, '--project=unit', 'test/fuzz-'] },
  {
    name: 'properties',
    env: { TIDELOG_RUNS: '2000' },
    args: [...vitest, '--project=unit', `--testTimeout=${hour}`, ...properties],
  },
  {
    name: 'browser',
    env: { TIDELOG_WHOLE: '1' },
    args: [...vitest, '--project=browser', 'test/browser/consumers', 'test/browser/read-models'],
  },
  { name: 'simulator', env: {}, args: ['scripts/sim.js', '--seeds', '2000'] },
]

const only = process.argv
  .find((argument) => argument.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',')
const results = []
for (const { name, env, args } of parts) {
  if (only !== undefined && !only.includes(name)) continue
  console.log(`\n=== ${name}`)
  const start = Date.now()
  // What is set already is meant so: a quick look at all of it needs no other command.
  const options = { stdio: ['ignore', 'inherit', 'inherit'], env: { ...env, ...process.env } }
  const ok = spawnSync(process.execPath, args, options).status === 0
  results.push({ name, ok, seconds: Math.round((Date.now() - start) / 1_000) })
}
console.log('')
for (const { name, ok, seconds } of results) console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name} (${seconds} s)`)
const hasFailed = results.some(({ ok }) => !ok)
if (!hasFailed) await import('./reliability.js')
process.exit(hasFailed ? 1 : 0)
