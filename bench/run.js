// npm run bench [-- --rounds=7 --only=append,single --seed=1 --write --mode=check]
//   --write       keeps the result as bench/baseline.json and docs/reference/performance.md
//   --mode=check  fails when a ratio is more than 20 % worse than the baseline's
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { openBrowser } from './browser.js'
import { buildPage, pageFolder } from './build.js'
import { contenders, ratios } from './contenders.js'
import { toDocument, toMarkdown } from './report.js'
import { runRounds } from './rounds.js'
import { serveFolder } from './serve.js'
import { startSyncServer } from './start-sync-server.js'
import { fallsBehind, summariseRun } from './summary.js'

const baselineFile = 'bench/baseline.json'
const resultsFile = '.build/bench/results.json'
const documentFile = 'docs/reference/performance.md'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    events: { type: 'string', default: '100000' },
    write: { type: 'boolean', default: false },
    mode: { type: 'string', default: 'measure' },
  },
})

const job = {
  commits: 10,
  eventsPerCommit: 1000,
  streams: 1000,
  warmUpCommits: 2,
  singles: 200,
  warmUpSingles: 200,
  concurrent: 1000,
  pushedCommits: 10_000,
  pulledEvents: 100_000,
  tailCommits: 10_000,
  foreignCommits: 20,
  warmUpForeignCommits: 5,
  largeEvents: Number(values.events),
  largeStreams: 100_000,
  seed: Number(values.seed),
}
const options = { ...job, rounds: Number(values.rounds) }

const groups = values.only?.split(',')
const chosen = contenders.filter(({ group }) => groups === undefined || groups.includes(group))

const needsServer = ({ group }) => group === 'sync'

const measure = async () => {
  await buildPage()
  const server = await serveFolder(pageFolder)
  const syncServer = chosen.some(needsServer) ? await startSyncServer(pageFolder) : undefined
  const browser = await openBrowser(server.port)
  const needing = new Set(chosen.filter(needsServer).map(({ name }) => name))
  const portOf = (name) => (needing.has(name) ? syncServer.port : server.port)
  try {
    if (syncServer !== undefined)
      await browser.inPage((asked) => window.bench.fillPulledLog(asked), job, syncServer.port)
    const eventCharacters = await browser.inPage((asked) => window.bench.eventCharacters(asked), job)
    const rounds = await runRounds(
      chosen.map(({ name }) => name),
      options,
      // Another corpus for each round, the same one for all contenders of a round.
      (name, round) =>
        browser.inPage(
          ([asked, run]) => window.bench.run(asked, run),
          [name, { ...job, seed: job.seed + round }],
          portOf(name),
        ),
    )
    return {
      machine: { browser: browser.version, cores: cpus().length, platform: `${process.platform} ${process.arch}` },
      options: { ...options, eventCharacters },
      ...summariseRun(chosen, ratios, rounds),
      rounds,
    }
  } finally {
    await browser.close()
    await server.stop()
    await syncServer?.stop()
  }
}

const write = (file, text) => {
  mkdirSync(file.slice(0, file.lastIndexOf('/')), { recursive: true })
  writeFileSync(file, text)
}

const result = await measure()
write(resultsFile, `${JSON.stringify(result, null, 2)}\n`)
console.log(`\n${toMarkdown(result)}`)
console.log(`written to ${resultsFile}`)
if (values.write) {
  const { rounds: _, ...baseline } = result
  write(baselineFile, `${JSON.stringify(baseline, null, 2)}\n`)
  write(documentFile, toDocument(result))
  console.log(`written to ${baselineFile} and ${documentFile}`)
}
if (values.mode === 'check') {
  const worse = fallsBehind(result.ratios, JSON.parse(readFileSync(baselineFile, 'utf8')))
  for (const line of worse) console.error(`bench: ${line}`)
  if (worse.length > 0) process.exit(1)
  console.log('bench: no ratio is more than 20 % worse than the baseline')
}
