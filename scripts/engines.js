// Finds the browsers of `npm run test:engines`, and has Debian install those that are missing. Needs nothing but Node.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fail } from './steps.js'

const say = (text) => console.error(`setup: ${text}`)
const run = (command, args, options = {}) =>
  spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options }).status === 0

/** Where a program is on the path, by the first of its names that is there. */
export const onPath = (...names) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((place) => existsSync(place))

/** Whether Debian's packages could be installed: false where there is no apt, or no right to use it. */
export const installFromDebian = (...packages) => {
  if (process.getuid?.() !== 0 || !run('apt-get', ['--version'], { stdio: 'ignore' })) return false
  say(`installing from Debian: ${packages.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) => run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], { env, timeout: 600_000 })
  apt('update')
  return apt('install', '-y', '--no-install-recommends', ...packages)
}

/** MiniBrowser is not on the path: it lies beside the library, where each distribution has its own folder for that. */
const miniBrowser = () => {
  if (onPath('Xvfb') === undefined || onPath('dbus-run-session') === undefined) return undefined
  const folders = ['/usr/libexec', '/usr/lib64', '/usr/lib']
  if (existsSync('/usr/lib')) folders.push(...readdirSync('/usr/lib').map((name) => join('/usr/lib', name)))
  return folders.map((folder) => join(folder, 'webkit2gtk-4.1', 'MiniBrowser')).find((place) => existsSync(place))
}

const known = {
  firefox: {
    find: () => process.env.TIDELOG_FIREFOX ?? onPath('firefox-esr', 'firefox'),
    packages: ['firefox-esr'],
  },
  webkit: { find: miniBrowser, packages: ['webkit2gtk-driver', 'xvfb', 'dbus-x11'] },
}

/** The programs of the engines that are named: `{ firefox, webkit }`. */
export const findEngines = (names) => {
  const wanted = Object.entries(known).filter(([name]) => names.includes(name))
  const missing = () => wanted.filter(([, { find }]) => !existsSync(find() ?? ''))
  const packages = missing().flatMap(([, engine]) => engine.packages)
  if (packages.length > 0) installFromDebian(...packages)
  for (const [name] of missing()) {
    const packages = known[name].packages.join(' ')
    fail(`no ${name} for the tests: install ${packages} (Debian), or name other engines: -- --project chromium-sqlite`)
  }
  return Object.fromEntries(wanted.map(([name, { find }]) => [name, find()]))
}
