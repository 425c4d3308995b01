// The demo. `vite build` takes the package as an installed app would, from dist/; `vite` (development) takes its sources.
// The package itself is built by scripts/build.js.
import { existsSync } from 'node:fs'
import { defineConfig } from 'vite'
import { browserDependencies, sourceEntries } from './scripts/entries.ts'
import { serviceWorkerFiles } from './scripts/service-worker-files.ts'

const serviceWorker = 'demo/sw.ts'

export default defineConfig(({ command }) => ({
  root: '.',
  publicDir: 'demo/public',
  worker: { format: 'es' },
  resolve: command === 'serve' ? { alias: sourceEntries() } : {},
  optimizeDeps: { entries: ['index.html', 'engine.html'], include: browserDependencies },
  plugins: [serviceWorkerFiles('sw.js')],
  build: {
    outDir: '.build/demo',
    emptyOutDir: true,
    target: 'es2022',
    manifest: true,
    rolldownOptions: {
      input: {
        index: 'index.html',
        engine: 'engine.html',
        ...(existsSync(serviceWorker) ? { sw: serviceWorker } : {}),
      },
      // A service worker's address must never change, so it alone has no hash in its name.
      output: { entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
  },
}))
