// One measurement: fills what is looked into, runs the rounds, and answers the summary.
import { cpus } from 'node:os'
import { diskBytes, makeProfile, openBrowser } from './browser.js'
import { buildPage, pageFolder } from './build.js'
import { ratios } from './goals.js'
import { runRounds } from './rounds.js'
import { serveFolder } from './serve.js'
import { measureSizes } from './sizes.js'
import { startSyncServer } from './start-sync-server.js'
import { summariseRun } from './summary.js'

const runInPage = ([asked, run]) => window.bench.run(asked, run)
const hostOf = (name) => name.toLowerCase()
/** Whose database a contender looks into that was filled before, if any. */
const dataOf = ({ name, fill, data }) => data ?? (fill === undefined ? undefined : name)
const jobOf = (contender, job) => ({ ...job, ...contender.job })

/** Fills the databases that rounds look into, each with an origin of its own; answers what that measured, by contender. */
const fill = async (contenders, job, browser) => {
  const taken = {}
  for (const contender of contenders) {
    const own = jobOf(contender, job)
    const where = { host: hostOf(contender.name), filled: own.largeEvents }
    taken[contender.name] = await browser.inPage(runInPage, [contender.fill, own], where)
    process.stderr.write(`bench: ${contender.name} filled with ${own.largeEvents} events\n`)
  }
  return taken
}

/** Fills the logs at the server that new devices pull. */
const fillServer = async (job, browser, { port, plainPort }) => {
  const push = ([name, count, asked]) => window.bench.fillServerLog(name, count, asked)
  await browser.inPage(push, ['pulled', job.pulledEvents, job], { from: plainPort })
  await browser.inPage(push, ['first', job.firstSyncEvents, job], { from: port })
  const sealed = ([name, count]) => window.bench.serverLogSealed(name, count)
  await browser.inPage(sealed, ['first', job.firstSyncEvents], { from: port })
  process.stderr.write('bench: logs at the server filled\n')
}

/** Measures `chosen` contenders in rounds, in pages that `server` and `syncServer` serve, with databases in `profile`. */
const measureIn = async (profile, server, syncServer, { chosen, job, rounds: count }) => {
  const filled = chosen.filter((contender) => contender.fill !== undefined)
  let browser = await openBrowser(profile, server.port)
  try {
    const measured = await fill(filled, { ...job, round: 0, rounds: count }, browser)
    if (syncServer !== undefined) await fillServer(job, browser, syncServer)
    // What is in the caches of the browser that filled is not measured.
    await browser.close()
    browser = await openBrowser(profile, server.port)
    const eventCharacters = await browser.inPage((asked) => window.bench.eventCharacters(asked), job)
    const run = async (name, round) => {
      const contender = chosen.find((one) => one.name === name)
      if (contender.run === 'none') return measured[name]
      // Another corpus for each round, the same one for all contenders of a round; but what was filled stays, and the rows
      // of a model are those of what was filled.
      const data = dataOf(contender)
      const isModel = contender.group === 'model'
      const seed = data === undefined && !isModel ? job.seed + round : job.seed
      const own = { ...jobOf(contender, job), seed, round, rounds: count }
      const from = contender.group !== 'sync' ? undefined : name === 'pull' ? syncServer.plainPort : syncServer.port
      const filled = isModel ? own.largeEvents : 0
      const where = { from, filled, host: data === undefined ? undefined : hostOf(data) }
      return { ...measured[name], ...(await browser.inPage(runInPage, [contender.run ?? name, own], where)) }
    }
    const names = chosen.map(({ name }) => name)
    const rounds = await runRounds(names, { rounds: count, seed: job.seed }, run)
    await browser.close()
    for (const { name, job: own } of filled) {
      const bytes = diskBytes(profile, hostOf(name), server.port) / (own?.largeEvents ?? job.largeEvents)
      for (const round of rounds) round[name].diskBytes = bytes
    }
    return { version: browser.version, eventCharacters, rounds }
  } finally {
    await browser.close()
  }
}

/** Measures the chosen contenders with a new profile, and servers that end with it. */
export const measure = async ({ chosen, job, rounds: count }) => {
  await buildPage()
  const server = await serveFolder(pageFolder)
  const syncServer = chosen.some(({ group }) => group === 'sync') ? await startSyncServer(pageFolder) : undefined
  const profile = makeProfile()
  try {
    const { version, eventCharacters, rounds } = await measureIn(profile, server, syncServer, {
      chosen,
      job,
      rounds: count,
    })
    return {
      machine: { browser: version, cores: cpus().length, platform: `${process.platform} ${process.arch}` },
      options: { ...job, rounds: count, eventCharacters },
      sizes: measureSizes(),
      ...summariseRun(chosen, ratios, rounds),
      rounds,
    }
  } finally {
    profile.remove()
    await server.stop()
    await syncServer?.stop()
  }
}
