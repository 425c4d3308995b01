// The load generator: bundles bench/load and runs it. `npm run load -- --help` tells its options.
import { spawn } from 'node:child_process'
import { rolldown } from 'rolldown'

const folder = 'bench/load'
const bundle = await rolldown({
  input: { main: `${folder}/main.ts`, endpoint: `${folder}/endpoint.ts`, bare: `${folder}/bare.ts` },
  platform: 'node',
  logLevel: 'warn',
  external: ['libsql', 'pg', /^@nats-io\//],
})
await bundle.write({ dir: '.build/load', format: 'esm', sourcemap: true, entryFileNames: '[name].js' })
await bundle.close()

const child = spawn(process.execPath, ['--enable-source-maps', '.build/load/main.js', ...process.argv.slice(2)], {
  stdio: ['ignore', 'inherit', 'inherit'],
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
