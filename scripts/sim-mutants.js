// Plants one defect after the other into the sources of a bundle and lets the simulator look for it: `npm run sim:mutants`.
// A defect that is not found says that a promise is not tested. Words after it choose among the names.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { mutants, notYet } from '../test/sim/mutants.js'
import { bundleSim } from './sim-bundle.js'
import { fail } from './steps.js'

const seedsMax = Number(process.env.TIDELOG_MUTANT_SEEDS ?? 400)
const parallel = 2
/** A defect that makes the world spin is found too. */
const seedTimeoutMs = 120_000

const chosen = process.argv.slice(2)
const isChosen = ({ name }) => chosen.length === 0 || chosen.some((word) => name.includes(word))

/** The changed text of each file. Throws when a text is not there exactly once: then it would prove nothing. */
const changesOf = ({ edits }) => {
  const files = new Map()
  for (const { file, find, replace } of edits) {
    const code = files.get(file) ?? readFileSync(file, 'utf8')
    const times = code.split(find).length - 1
    if (times !== 1) throw new Error(`${file} holds this ${times} times, not once: ${find}`)
    files.set(
      file,
      code.replace(find, () => replace),
    )
  }
  return files
}

const plant = (files) => {
  const planted = new Set()
  const transform = (_code, id) => {
    for (const [file, changed] of files) {
      if (!id.replaceAll('\\', '/').endsWith(`/${file}`)) continue
      planted.add(file)
      return changed
    }
    return undefined
  }
  return { planted, plugin: { name: 'plant', transform } }
}

/** The first seed that finds it, and what it says. */
const look = (file) =>
  new Promise((resolve) => {
    const args = [file, '--from', '1', '--to', `${seedsMax}`, '--until', 'failure']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let found
    let last = 0
    let errors = ''
    const stop = () => {
      found = { seed: last + 1, problem: 'the seed does not end' }
      child.kill()
    }
    let timer = setTimeout(stop, seedTimeoutMs)
    child.stderr.on('data', (text) => {
      errors += text
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      clearTimeout(timer)
      timer = setTimeout(stop, seedTimeoutMs)
      const { seed, problems } = JSON.parse(line)
      last = seed
      if (problems.length > 0) found ??= { seed, problem: problems[0] }
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      if (found === undefined && code !== 0)
        found = { seed: last + 1, problem: `the process died: ${errors.slice(-200)}` }
      resolve(found)
    })
  })

const queue = [...mutants.entries()].filter(([, mutant]) => isChosen(mutant))
const missed = []
for (const [, mutant] of queue)
  try {
    changesOf(mutant)
  } catch (error) {
    console.error(`sim:mutants: ${mutant.name}: ${error.message}`)
    missed.push(mutant.name)
  }
if (missed.length > 0) fail(`sim:mutants: these can't be planted any more: ${missed.join(', ')}`)
const work = async () => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [nth, mutant] = next
    const file = `.build/sim-mutants/${nth}/main.js`
    const files = changesOf(mutant)
    const { plugin, planted } = plant(files)
    await bundleSim(file, { plugins: [plugin], sourcemap: false })
    if (planted.size < files.size) throw new Error(`${mutant.name}: not all of its files are in the bundle`)
    const found = await look(file)
    const end =
      found === undefined ? `NOT FOUND in ${seedsMax} seeds` : `seed ${found.seed}: ${found.problem.slice(0, 140)}`
    console.log(`${found === undefined ? 'MISSED' : 'found '}  ${mutant.name} (${mutant.rule}) — ${end}`)
    if (found === undefined) missed.push(mutant.name)
  }
}
await Promise.all(Array.from({ length: parallel }, work)).catch((error) => fail(`sim:mutants: ${error.message}`))
if (chosen.length === 0) for (const [name, why] of notYet) console.log(`not yet  ${name}: ${why}`)
if (missed.length > 0) fail(`sim:mutants: not found: ${missed.join(', ')}`)
console.log('sim:mutants: all found')
