import { exportLog, type Imported, importLog } from 'tidelog/transfer'
import type { BookLog } from './model.ts'
import { exportedToWords, importedToWords } from './words.ts'
import type { Task, Work } from './work.ts'

/** Reads a file into the book. How many events it has is not known before its end, but how many bytes is. */
export function importTask(log: BookLog, file: Blob): Task<Imported> {
  const length = async (): Promise<number> => (await log.logHead()).confirmed
  const before = length()
  return {
    title: 'Reading the file',
    start: (signal) => readFile(log, file, signal),
    toWords: async (imported, ms) => importedToWords(imported, (await length()) - (await before), ms),
  }
}

function readFile(log: BookLog, file: Blob, signal: AbortSignal): Work<Imported> {
  let bytes = 0
  async function* texts(): AsyncGenerator<string> {
    const decoder = new TextDecoder()
    const reader = file.stream().getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      bytes += value.byteLength
      yield decoder.decode(value, { stream: true })
    }
  }
  const { progress, finished } = importLog(log, texts(), { signal })
  return { progress, share: () => (file.size > 0 ? bytes / file.size : 1), finished }
}

/** The whole book as a file, handed to `give` when it is ready. */
export function exportTask(log: BookLog, give: (file: Blob) => void): Task<Blob> {
  const exported = exportLog(log)
  const collect = async (signal: AbortSignal): Promise<Blob> => {
    const parts: Blob[] = []
    for await (const { text } of exported) {
      signal.throwIfAborted()
      // One by one: to turn the whole book into bytes at once would be felt.
      parts.push(new Blob([text]))
    }
    return new Blob(parts, { type: 'text/plain' })
  }
  return {
    title: 'Exporting',
    start: (signal) => ({ progress: exported.progress, finished: collect(signal) }),
    toWords: (file) => {
      give(file)
      return exportedToWords(exported.progress.get().done, file.size)
    },
  }
}
