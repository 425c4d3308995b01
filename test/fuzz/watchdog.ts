// Ends the process when one input takes too long: what hangs in a loop can be stopped by nobody else in it.
import { Worker } from 'node:worker_threads'

/** An input takes milliseconds; a busy machine may take seconds. */
const beatMsMax = 20_000

const source = `
const { workerData: { cells, name, max } } = require('node:worker_threads')
const beats = new Int32Array(cells)
let last = -1
setInterval(() => {
  const now = Atomics.load(beats, 0)
  if (now === last) {
    require('node:fs').writeSync(2, 'an input hangs: ' + name + ', input ' + now + '\\n')
    process.kill(process.pid, 'SIGKILL')
  }
  last = now
}, max)
`

export interface Watching {
  /** Another input begins. */
  readonly beat: () => void
  readonly end: () => void
}

export function watch(name: string): Watching {
  const cells = new SharedArrayBuffer(4)
  const beats = new Int32Array(cells)
  const worker = new Worker(source, { eval: true, workerData: { cells, name, max: beatMsMax } })
  worker.unref()
  return { beat: () => void Atomics.add(beats, 0, 1), end: () => void worker.terminate() }
}
