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
  async function* pieces(): AsyncGenerator<Uint8Array> {
    const reader = file.stream().getReader()
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        bytes += next.value.byteLength
        yield next.value
      }
    } finally {
      await reader.cancel()
    }
  }
  const { progress, finished } = importLog(log, pieces(), { signal })
  return { progress, share: () => (file.size > 0 ? bytes / file.size : 1), finished }
}

/** The whole book as a file, handed to `give` when it is ready. */
export function exportTask(log: BookLog, give: (file: Blob) => void): Task<Blob> {
  const exported = exportLog(log)
  const collect = async (signal: AbortSignal): Promise<Blob> => {
    const pieces: Blob[] = []
    for await (const { bytes } of exported) {
      signal.throwIfAborted()
      // One by one, so that the browser may keep them elsewhere.
      pieces.push(new Blob([bytes]))
    }
    return new Blob(pieces, { type: 'application/octet-stream' })
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
