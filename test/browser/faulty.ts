// A tab whose worker can be made to fail.
import { controlFaults, type FaultyWorkers, faultyWorkers, type RemoteFaults } from 'tidelog/testing'
import { afterEach } from 'vitest'
import { type NotesLog, openNotes, type TabOptions } from './notes.ts'

const controlled: RemoteFaults[] = []
afterEach(() => {
  for (const faults of controlled.splice(0)) faults.close()
})

export interface FaultyTab {
  readonly log: NotesLog
  readonly faults: RemoteFaults
  readonly workers: FaultyWorkers
  /** Every state that the storage has been in. */
  readonly states: string[]
}

/** `how` is the beginning of the worker's name: `hangs`, `fails/3`, or nothing. */
export function openFaulty(key: string, how = 'works', options: Omit<TabOptions, 'worker'> = {}): FaultyTab {
  const name = `${how}/${crypto.randomUUID()}`
  const faults = controlFaults(name)
  controlled.push(faults)
  const workers = faultyWorkers(
    () => new Worker(new URL('./workers/faulty.ts', import.meta.url), { type: 'module', name }),
  )
  const log = openNotes(key, { ...options, worker: workers.create })
  const states: string[] = []
  const note = (): void => {
    const { state } = log.storage.get()
    if (states.at(-1) !== state) states.push(state)
  }
  note()
  log.storage.subscribe(note)
  return { log, faults, workers, states }
}
