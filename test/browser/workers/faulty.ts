// A worker whose faults the test controls by its name. What waits for storage that does not answer waits for less long.
import { injectFaults, serveFaults } from 'tidelog/testing'
import { serveLog } from 'tidelog/worker'
import { notes } from '../notes-model.ts'

const sooner: ReadonlyMap<number, number> = new Map([
  [15_000, 2_500],
  [5_000, 300],
  [2_000, 200],
])
const { setTimeout } = self
const hasten = (run: () => void, ms: number, ...args: unknown[]) => setTimeout(run, sooner.get(ms) ?? ms, ...args)
Object.defineProperty(self, 'setTimeout', { value: hasten })

const faults = injectFaults(self as unknown as typeof globalThis, { seed: 7 })
serveFaults(faults)
if (self.name.startsWith('hangs')) faults.storage.hangOpens()
if (self.name.startsWith('fails')) faults.storage.failOpens(Number(self.name.split('/')[1]))

serveLog(notes)
