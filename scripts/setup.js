// Makes a fresh clone ready: packages, and with --browser a Chromium for the tests, with --engines=firefox,webkit those
// too (written to .build/browser.json), and with --postgres and --nats those servers' programs.
// Needs nothing but Node. Installing happens here and not in npm hooks, since `ignore-scripts` switches those off.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { findEngines, installFromDebian, onPath } from './engines.js'
import { findNats } from './nats.js'
import { findPostgres } from './postgres.js'
import { fail, npm } from './steps.js'

const say = (text) => console.error(`setup: ${text}`)
const run = (command, args, options = {}) =>
  spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options }).status === 0

const checkNode = () => {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const fits = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)
  if (!fits) fail(`Node ${process.versions.node} does not fit: 20.19 (or a later 20), or 22.12 and newer, is needed.`)
}

/** Installs again only when the lock file or Node itself changed: the stamp lives and dies with node_modules. */
const installPackages = () => {
  if (!existsSync('package-lock.json')) fail('package-lock.json is missing: this is not a complete checkout.')
  const stamp = 'node_modules/.tidelog-installed'
  const wanted = createHash('sha256').update(readFileSync('package-lock.json')).update(process.version).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  say('installing packages (npm ci)')
  const args = ['ci', '--include=dev', '--prefer-offline', '--no-audit', '--no-fund']
  const installed = npm(args).status === 0
  if (!installed) fail('npm ci failed (see above): is the npm registry reachable, and is there space on the disk?')
  writeFileSync(stamp, wanted)
}

const installedBrowser = () =>
  onPath('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable') ??
  [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  ].find((place) => existsSync(place))

/** Playwright's own build. On a bare server it may lack system libraries, so it has to say its version first. */
const playwrightBrowser = async () => {
  const { chromium } = await import('playwright')
  const path = chromium.executablePath()
  if (!existsSync(path)) {
    say('no Chromium or Chrome found: asking Playwright for one')
    run(process.execPath, ['node_modules/playwright/cli.js', 'install', 'chromium'], { timeout: 180_000 })
  }
  const starts = existsSync(path) && (process.platform === 'win32' || run(path, ['--version'], { timeout: 30_000 }))
  return starts ? path : undefined
}

const debianBrowser = () => (installFromDebian('chromium') ? installedBrowser() : undefined)

const findBrowser = async () => {
  const chosen = process.env.TIDELOG_CHROMIUM
  if (chosen && !existsSync(chosen)) fail(`TIDELOG_CHROMIUM names ${chosen}, and there is no such file.`)
  const path = chosen || installedBrowser() || (await playwrightBrowser()) || debianBrowser()
  if (!path) fail('no browser for the tests: install Chromium or Chrome, or set TIDELOG_CHROMIUM to the path of one.')
  return path
}

/** Those that were found earlier and are not asked for now stay known. */
const remember = (found) => {
  const file = '.build/browser.json'
  const earlier = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  mkdirSync('.build', { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...earlier, ...found })}\n`)
}

checkNode()
installPackages()
if (process.argv.includes('--browser')) remember({ chromium: await findBrowser() })
const asked = process.argv.find((argument) => argument.startsWith('--engines='))
if (asked) remember(findEngines(asked.slice('--engines='.length).split(',')))
if (process.argv.includes('--postgres')) findPostgres()
if (process.argv.includes('--nats')) findNats()
