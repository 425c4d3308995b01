// publint and arethetypeswrong on the very tarball that would be published.
import { mkdirSync, rmSync } from 'node:fs'
import { bin, fail, node, npm } from './steps.js'

const folder = '.build/pack'
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const packed = npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
if (packed.status !== 0) fail('npm pack failed.')

const [{ filename, files, size }] = JSON.parse(packed.stdout)
const tarball = `${folder}/${filename}`
console.log(`${filename}: ${files.length} files, ${(size / 1000).toFixed(1)} kB`)
const lint = node([bin.publint, '--strict', tarball])
const types = node([bin.attw, tarball, '--profile', 'esm-only', '--no-color', '--no-emoji'])
process.exit(lint || types)
