// Builds the bench's page. It takes the package from dist/, as an app would.
import { resolve } from 'node:path'
import { build } from 'vite'

export const pageFolder = '.build/bench/page'

/** The few contenders that use a part of the package name its source, for the types; what runs is dist/ all the same. */
const partsFromDist = () => ({
  name: 'parts-from-dist',
  enforce: 'pre',
  resolveId: (source) => {
    const part = /^\.\.\/\.\.\/((?:src|worker)\/.*)\.ts$/.exec(source)?.[1]
    return part === undefined ? undefined : resolve('dist', `${part}.js`)
  },
})

export const buildPage = () =>
  build({
    configFile: false,
    logLevel: 'warn',
    root: 'bench/page',
    publicDir: false,
    plugins: [partsFromDist()],
    worker: { format: 'es', plugins: () => [partsFromDist()] },
    build: { outDir: resolve(pageFolder), emptyOutDir: true, target: 'es2022' },
  })
