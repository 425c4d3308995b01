// Opens the log of the tests. Each `openNotes` has a worker of its own, as each tab has.

import { defineFor, isTidelogError, type OpenOptions, openLog } from 'tidelog'
import { afterAll, afterEach, expect } from 'vitest'
import { events, notes } from './notes-model.ts'

export { events, notes }

const define = defineFor(events)
/** The texts of the notes of a topic, in log order. */
export const texts = define.projection<readonly string[], { topic: string }>({
  name: 'texts',
  version: 1,
  initial: [],
  scope: ({ topic }) => ({ query: { tags: { topic } } }),
  on: { NoteTaken: (state, { data }) => [...state, data.text] },
})

export const note = (text: string, more: { topic?: string; author?: string } = {}) =>
  events.NoteTaken({ text, ...more })

const open = (options: OpenOptions) => openLog(notes, options)
export type NotesLog = ReturnType<typeof open>

const openInTest: NotesLog[] = []
const openInFile: NotesLog[] = []
const closeAll = (logs: NotesLog[]) => Promise.all(logs.splice(0).map((log) => log.close()))
afterEach(() => closeAll(openInTest))
afterAll(() => closeAll(openInFile))

export const newKey = (): string => crypto.randomUUID()

/** Opens the log as another tab would. It is closed after the test, or after all tests of the file. */
export function openNotes(key: string, { forFile = false, ...options }: TabOptions = {}): NotesLog {
  const log = open({ key, ...options })
  const opened = forFile ? openInFile : openInTest
  opened.push(log)
  return log
}
export type TabOptions = Omit<OpenOptions, 'key'> & { readonly forFile?: boolean }

/** Misuse is a `tidelog/argument`, thrown at once or as a rejection; never a raw error of the engine. */
export async function expectMisuse(use: () => unknown): Promise<void> {
  const misuse = (async () => use())()
  await expect(misuse).rejects.toSatisfy((error) => isTidelogError(error, 'tidelog/argument'))
}
