// What the scripts share. Needs nothing but Node: it runs before the packages are installed.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)

export const fail = (text) => {
  console.error(`tidelog: ${text}`)
  process.exit(1)
}

/** Runs Node on a script and answers its exit code. Nothing here ever reads from stdin. */
export const node = (args, options = {}) => {
  const done = spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options })
  if (done.error) console.error(`tidelog: ${args[0]}: ${done.error.message}`)
  return done.status ?? 1
}

/** Runs npm: the very one that runs this script, else the one on the path. */
export const npm = (args, options = {}) => {
  const own = process.env.npm_execpath
  const all = { stdio: ['ignore', 'inherit', 'inherit'], encoding: 'utf8', ...options }
  if (own?.endsWith('npm-cli.js')) return spawnSync(process.execPath, [own, ...args], all)
  return spawnSync('npm', args, { ...all, shell: process.platform === 'win32' })
}

/** A step that must succeed: otherwise the whole script ends with its exit code. */
export const must = (...args) => {
  const status = node(args)
  if (status !== 0) process.exit(status)
}

export const bin = {
  tsc: 'node_modules/typescript/bin/tsc',
  oldTsc: 'node_modules/typescript-5.9/bin/tsc',
  vite: 'node_modules/vite/bin/vite.js',
  vitest: 'node_modules/vitest/vitest.mjs',
  biome: 'node_modules/@biomejs/biome/bin/biome',
  publint: 'node_modules/publint/src/cli.js',
  attw: 'node_modules/@arethetypeswrong/cli/dist/index.js',
}
