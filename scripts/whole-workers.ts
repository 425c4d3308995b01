// Workers of the browser tests as one file each, as an app's build makes them. Module by module each of the thousand that the
// tests start would ask the small server of the tests for some eighty files.
import { build, type Plugin, type UserConfig } from 'vite'

const workerFile = /^(?<entry>[^?]+)\?.*\bworker_file&type=module\b/

/** Bundles each worker once, for as long as the server of the tests runs. */
export const wholeWorkers = (resolve: NonNullable<UserConfig['resolve']>): Plugin => {
  const bundles = new Map<string, Promise<string>>()
  return {
    name: 'tidelog:whole-workers',
    enforce: 'pre',
    load(id) {
      const entry = workerFile.exec(id)?.groups?.entry
      if (entry === undefined) return undefined
      const bundle = bundles.get(entry) ?? bundleOf(entry, resolve)
      bundles.set(entry, bundle)
      return bundle
    },
  }
}

async function bundleOf(entry: string, resolve: NonNullable<UserConfig['resolve']>): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    resolve,
    build: {
      write: false,
      minify: false,
      target: 'esnext',
      sourcemap: 'inline',
      rolldownOptions: { input: entry, output: { format: 'es', codeSplitting: false } },
    },
  })
  const [first] = [built].flat()
  if (first === undefined || !('output' in first)) throw new Error(`${entry} was not built`)
  return first.output[0].code
}
