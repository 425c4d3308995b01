// Vite plugin: tells the demo's service worker what was built, so that it can fetch all of it while it installs.
//
// The service worker is demo/sw.ts (bundled) or demo/public/sw.js (copied). Once, it reads `self.__BUILD__`; after the
// build that expression is replaced by
//   { version: 'hash over names and contents of all files', files: ['index.html', 'assets/index-1a2b3c.js', …] }
// Names are relative to the service worker's own folder, which is its scope. Any change of any file changes `version`,
// and with it the bytes of sw.js, which is what makes a browser install the new one. In development nothing is
// replaced: register the service worker in production builds only.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

const placeholder = 'self.__BUILD__'

const builtFiles = (folder: string, script: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, '/').length).replaceAll('\\', '/'))
    .filter((file) => file !== script && !file.startsWith('.vite/'))
    .sort()

const versionOf = (folder: string, files: readonly string[]): string => {
  const hash = createHash('sha256')
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(folder, file)))
      .update('\0')
  return hash.digest('hex').slice(0, 16)
}

export const serviceWorkerFiles = (script: string): Plugin => {
  let folder = ''
  return {
    name: 'tidelog:service-worker-files',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir)
    },
    closeBundle(error) {
      const path = join(folder, script)
      if (error || !existsSync(path)) return
      const code = readFileSync(path, 'utf8')
      if (!code.includes(placeholder)) throw new Error(`${script} does not read ${placeholder}`)
      const files = builtFiles(folder, script)
      writeFileSync(path, code.replace(placeholder, JSON.stringify({ version: versionOf(folder, files), files })))
    },
  }
}
