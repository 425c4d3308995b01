import { spawnSync } from 'node:child_process'

/** What an app downloads for each entry, as the gate of sizes measures it: minified and gzipped, dependencies included. */
export const measureSizes = () => {
  const { stdout, error } = spawnSync(process.execPath, ['scripts/size.js'], { encoding: 'utf8' })
  if (error) throw error
  const sizes = [...stdout.matchAll(/^(?:ok|TOO BIG) +(.+): ([\d.]+) kB of ([\d.]+) kB/gm)]
  if (sizes.length === 0) throw new Error('scripts/size.js says no sizes')
  return sizes.map(([, name, kB, limit]) => ({ name, kB: Number(kB), limit: Number(limit) }))
}
