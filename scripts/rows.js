// Which requirements does no passed test name? Reads the reports of the last `npm test` and, where it was run, of the last
// `npm run test:servers`, and the rows of the requirements, which are kept beside this checkout. A test names a row by its id: `TS-3 heals a gap with one range read`. Only tests
// that passed count, and only those that go through the public entries. `--strict` exits with 1 while a row is missing.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fail, root } from './steps.js'

const rowsFile = '../shared/REQUIREMENTS.md'
const reportFile = '.build/report.json'
const serversFile = '.build/servers.json'
const idsPerTestMax = 2
const insideImport = /\bfrom\s+['"](?:\.\.?\/)+(?:[\w-]+\/)*(?:src|worker|server)\//

if (!existsSync(rowsFile)) {
  console.log(`rows: no ${rowsFile} beside this checkout, so there is nothing to compare with.`)
  process.exit(0)
}
if (!existsSync(reportFile)) fail(`no ${reportFile}: run \`npm test\` first.`)

const rowIds = [...readFileSync(rowsFile, 'utf8').matchAll(/^\|\s*([A-Z]+-(?:\d+|B))\s*\|/gm)].map((match) => match[1])
if (rowIds.length === 0) fail(`${rowsFile} holds no rows.`)
const kinds = [...new Set(rowIds.map((id) => id.split('-')[0]))]
const idPattern = new RegExp(`\\b(?:${kinds.join('|')})-(?:\\d+|B)\\b`, 'g')

const isPublic = (file) =>
  !/^(?:src|worker|server)\//.test(file) && !(existsSync(file) && insideImport.test(readFileSync(file, 'utf8')))

const read = (file) => JSON.parse(readFileSync(file, 'utf8'))
const report = read(reportFile)
const results = [report, ...(existsSync(serversFile) ? [read(serversFile)] : [])].flatMap((one) => one.testResults)
const named = new Set()
const namedInside = new Set()
const mistakes = []
for (const { name, assertionResults } of results) {
  const file = relative(root, name).replaceAll('\\', '/')
  const target = isPublic(file) ? named : namedInside
  for (const { fullName, status } of assertionResults) {
    const ids = [...new Set(fullName.match(idPattern) ?? [])]
    if (ids.length > idsPerTestMax) mistakes.push(`more than ${idsPerTestMax} rows in one test: ${file}: ${fullName}`)
    for (const id of ids) if (!rowIds.includes(id)) mistakes.push(`no such row, ${id}: ${file}: ${fullName}`)
    if (status !== 'passed' || ids.length > idsPerTestMax) continue
    for (const id of ids) target.add(id)
  }
}

const missing = rowIds.filter((id) => !named.has(id) && !namedInside.has(id))
const inside = rowIds.filter((id) => !named.has(id) && namedInside.has(id))
const counts = `${report.numPassedTests} of ${report.numTotalTests} tests passed`
console.log(`rows: report of ${new Date(report.startTime).toISOString()}, ${counts}`)
console.log(`rows: ${rowIds.length - missing.length - inside.length} of ${rowIds.length} are named by a passed test`)
if (inside.length > 0)
  console.log(`only from inside, not through a public entry (${inside.length}): ${inside.join(' ')}`)
for (const kind of kinds) {
  const ids = missing.filter((id) => id.startsWith(`${kind}-`))
  if (ids.length > 0) console.log(`no test (${ids.length}): ${ids.join(' ')}`)
}
for (const mistake of mistakes) console.error(`rows: ${mistake}`)
const incomplete = missing.length + inside.length > 0
process.exit(mistakes.length > 0 || (incomplete && process.argv.includes('--strict')) ? 1 : 0)
