// That each engine is the one it is called: otherwise four runs could be one run four times.
import { unwrap } from 'tidelog'
import { expect, inject, test } from 'vitest'
import { commands } from 'vitest/browser'
import { newKey, note, openNotes } from '../browser/notes.ts'
import { engineOf } from './engines.ts'

declare module 'vitest/browser' {
  interface BrowserCommands {
    storageOnDisk: () => Promise<string[]>
  }
}

const engine = engineOf(inject('engine'))
const script = URL.createObjectURL(new Blob(['postMessage(navigator.userAgent)']))

test('page and worker are in the engine that this run is named after', async () => {
  expect(navigator.userAgent).toMatch(engine.userAgent)
  const worker = new Worker(script)
  const said = await new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data)
  })
  worker.terminate()
  expect(said).toBe(navigator.userAgent)
})

test('what a log appends lies in its profile on the disk, in the storage that this run is named after', async () => {
  const log = openNotes(newKey())
  unwrap(await log.append('diary', [note('a')], { durability: 'strict' }))
  await expect.poll(() => commands.storageOnDisk(), { timeout: 10_000 }).toEqual([engine.storage])
})
