// Every gate but the tests. All of them run, so that one round shows everything; one line each at the end.
import { bin, node } from './steps.js'

const gates = [
  { name: 'format and lint', steps: [[bin.biome, 'ci', '--error-on-warnings', '--colors=off', '.']] },
  { name: 'build', steps: [['scripts/build.js', '--package']] },
  { name: 'types', steps: [[bin.tsc, '-p', 'tsconfig.app.json']] },
  { name: 'public types, newest TypeScript', needsBuild: true, steps: [[bin.tsc, '-p', 'tsconfig.types.json']] },
  { name: 'public types, TypeScript 5.9', needsBuild: true, steps: [[bin.oldTsc, '-p', 'tsconfig.types.json']] },
  { name: 'tidy', steps: [[bin.vitest, 'run', '--project', 'unit', 'test/tidy.test.ts']] },
  { name: 'size', needsBuild: true, steps: [['scripts/size.js']] },
  { name: 'package', needsBuild: true, steps: [['scripts/package.js']] },
]

const results = []
const built = () => results.find((result) => result.name === 'build')?.ok
for (const { name, needsBuild, steps } of gates) {
  console.log(`\n— ${name}`)
  const start = Date.now()
  const ok = needsBuild && !built() ? false : steps.every((step) => node(step) === 0)
  const seconds = ((Date.now() - start) / 1000).toFixed(1)
  results.push({ name, ok, note: needsBuild && !built() ? 'not run: the build failed' : `${seconds} s` })
}

console.log('')
for (const { name, ok, note } of results) console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name} (${note})`)
const failed = results.filter((result) => !result.ok).length
console.log(failed === 0 ? 'check: all gates passed' : `check: ${failed} of ${results.length} gates failed`)
process.exit(failed === 0 ? 0 : 1)
