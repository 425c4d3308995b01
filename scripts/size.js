// Size budget: what an app downloads for each entry of .size-limit.json, bundled with its dependencies, minified, gzipped.
// size-limit itself needs Node 22. `new URL('…/default.js', import.meta.url)` stays a URL in the bundle, so the worker
// is not counted into the page's entry.
import { existsSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { fail } from './steps.js'

const measure = async (path, external) => {
  const bundle = await rolldown({ input: path, external, platform: 'browser', logLevel: 'warn' })
  const { output } = await bundle.generate({ format: 'esm', minify: true, comments: false })
  await bundle.close()
  const codes = output.filter((file) => file.type === 'chunk').map((file) => file.code)
  return codes.reduce((sum, code) => sum + gzipSync(code, { level: 9 }).length, 0)
}

const kB = (bytes) => `${(bytes / 1000).toFixed(2)} kB`
for (const { name, path, limit, ignore = [] } of JSON.parse(readFileSync('.size-limit.json', 'utf8'))) {
  if (!existsSync(path)) fail(`${path} is missing: run \`node scripts/build.js --package\` first.`)
  const max = Number.parseFloat(limit) * 1000
  const bytes = await measure(path, ignore)
  if (bytes > max) process.exitCode = 1
  console.log(`${bytes > max ? 'TOO BIG' : 'ok'}  ${name}: ${kB(bytes)} of ${kB(max)} (${path})`)
}
