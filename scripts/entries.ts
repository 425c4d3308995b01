// The public entries, read from package.json's exports so that no second list can go stale.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

/** What runs in the browser and would otherwise be found late, with a reload in the middle of a test. */
export const browserDependencies: string[] = ['comlink', 'idb']

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
}

/** Aliases from `tidelog`, `tidelog/worker`, … to the sources they are compiled from. */
export const sourceEntries = (): { find: RegExp; replacement: string }[] => {
  const { name, exports }: Manifest = JSON.parse(readFileSync('package.json', 'utf8'))
  return Object.entries(exports).flatMap(([entry, target]) => {
    if (typeof target === 'string') return []
    const source = target.default.replace(/^\.\/dist\//, '').replace(/\.js$/, '.ts')
    return [{ find: new RegExp(`^${name}${entry.slice(1)}$`), replacement: resolve(source) }]
  })
}
