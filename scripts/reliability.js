// Brings what the last runs have written into docs/reference/reliability.json, and makes the page from it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { merge, render } from './reliability-table.js'
import './steps.js'

const kept = 'docs/reference/reliability.json'
const page = 'docs/reference/reliability.md'
const written = '.build/reliability'
const engineRuns = '.build/engines.json'

const read = (file) => JSON.parse(readFileSync(file, 'utf8'))
const runs = existsSync(written) ? readdirSync(written).map((name) => read(`${written}/${name}`)) : []
const rowsOf = (kind) =>
  runs.flatMap(({ date, results }) =>
    results.flatMap(({ kind: own, ...row }) => (own === kind ? [{ ...row, date }] : [])),
  )
const engines = existsSync(engineRuns) ? [read(engineRuns)].flat().flatMap((run) => run.engines ?? run) : []
const all = merge(existsSync(kept) ? read(kept) : {}, { kills: rowsOf('kill'), fuzz: rowsOf('fuzz'), engines })
writeFileSync(kept, `${JSON.stringify(all, null, 2)}\n`)
writeFileSync(page, render(all))
console.log(
  `reliability: ${all.kills.length} kinds of kills, ${all.fuzz.length} decoders, ${all.engines.length} engines: ${page}`,
)
