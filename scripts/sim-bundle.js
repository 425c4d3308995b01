// Bundles the simulator with the sources it runs, so that Node can run them as they are.
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { root } from './steps.js'

export const simFile = '.build/sim/main.js'

const onOneThread = {
  name: 'on-one-thread',
  resolveId: (source) => (source.endsWith('/gzip.ts') ? `${root}src/segments/gzip.fixture.ts` : undefined),
}

/** Bundles `test/sim/main.ts`; `plugins` may change the sources on the way. */
export async function bundleSim(file = simFile, { plugins = [], sourcemap = true } = {}) {
  const bundle = await rolldown({
    input: { main: 'test/sim/main.ts', tally: 'test/sim/tally.ts', places: 'test/sim/places.ts' },
    platform: 'node',
    external: ['libsql', 'pg', 'rolldown', /^@nats-io\//],
    logLevel: 'warn',
    resolve: { alias: { tidelog: `${root}src/index.ts` } },
    plugins: [onOneThread, ...plugins],
  })
  const dir = file.replace(/\/[^/]*$/, '')
  await bundle.write({ dir, format: 'esm', sourcemap, entryFileNames: '[name].js', minify: false })
  await bundle.close()
}

/** Starts the server that a store needs. */
export async function placeFor(store) {
  const { startPlace } = await import(pathToFileURL(`${root}.build/sim/places.js`).href)
  return startPlace(store)
}

/** What a run must have seen, by its length. */
export async function mustHappenIn() {
  return import(pathToFileURL(`${root}.build/sim/tally.js`).href)
}
