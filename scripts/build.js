// dist/ is the compiler's own output, one file per module: no bundler, so the worker's entry exists once and apps can
// tree-shake. The demo is then built from dist/, as an app that installed the package would do it.
// `--package` stops before the demo.
import { chmodSync, existsSync, rmSync } from 'node:fs'
import { bin, fail, must } from './steps.js'

if (!existsSync(bin.tsc)) fail('packages are not installed: run `npm start`, `npm test` or `npm ci` first.')
rmSync('dist', { recursive: true, force: true })
must(bin.tsc, '-p', 'tsconfig.build.json')
must(bin.tsc, '-p', 'tsconfig.server.json')
// npm does so when it installs the package; here it is run from the checkout.
chmodSync('dist/server/cli.js', 0o755)
if (!process.argv.includes('--package')) must(bin.vite, 'build', '--logLevel', 'warn')
