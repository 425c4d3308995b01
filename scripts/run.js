// One script behind each npm command, from a fresh clone to the result: `run.js command [arguments]`.
import { spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { bin, fail, must } from './steps.js'
import { wholeOnly } from './whole.js'

const report = '.build/report.json'
const enginesReport = '.build/engines.json'
const serversReport = '.build/servers.json'
const reportTo = (file) => ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]

const [name, ...rest] = process.argv.slice(2)
const projects = rest.flatMap((argument, at) => {
  if (argument === '--project') return rest.slice(at + 1, at + 2)
  return argument.startsWith('--project=') ? [argument.slice('--project='.length)] : []
})
/** The engines besides Chromium that this run needs. */
const engines = ['firefox', 'webkit'].filter(
  (engine) =>
    projects.length === 0 || projects.some((one) => one === engine || (one.startsWith('!') && one !== `!${engine}`)),
)

const commands = {
  start: { setup: [], build: true, main: ['dist/server/main.js'] },
  test: { setup: ['--browser'], build: true, main: [bin.vitest, 'run', ...reportTo(report)] },
  'test:engines': {
    setup: ['--browser', `--engines=${engines.join()}`],
    build: false,
    main: [bin.vitest, 'run', '--config=vitest.engines.config.ts'],
  },
  'test:kill': { setup: ['--browser'], build: true, main: [bin.vitest, 'run', '--project=kill'] },
  'test:servers': {
    setup: ['--postgres', '--nats'],
    build: false,
    main: [bin.vitest, 'run', '--project=servers', ...reportTo(serversReport)],
  },
  'test:long': { setup: ['--browser'], build: true, main: ['scripts/long.js'] },
  check: { setup: [], build: false, main: ['scripts/check.js'] },
  bench: { setup: ['--browser'], build: true, main: ['bench/run.js'] },
}

const command = commands[name]
if (!command) fail(`unknown command ${name ?? '(none)'}: one of ${Object.keys(commands).join(', ')}.`)

must('scripts/setup.js', ...command.setup)
// A run that dies half way must not leave an older report for `npm run rows` to believe.
if (name === 'test') rmSync(report, { force: true })
if (name === 'test:servers') rmSync(serversReport, { force: true })
if (name === 'test:engines') rmSync(enginesReport, { force: true })
// Killing takes minutes, and servers have to be installed: both are left out where no project is named.
const isChosen = rest.length > 0
if (name === 'test' && projects.length === 0) rest.push('--project=!kill', '--project=!servers')
if (name === 'test' && !isChosen && process.env.TIDELOG_WHOLE !== '1')
  rest.push(...wholeOnly.map((file) => `--exclude=${file}`))
if (command.build) must('scripts/build.js')
if (!existsSync(command.main[0])) fail(`${command.main[0]} is missing.`)

const child = spawn(process.execPath, [...command.main, ...rest], { stdio: ['ignore', 'inherit', 'inherit'] })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => fail(`${command.main[0]} does not start: ${error.message}`))
child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
