// The worker of an app that syncs, with a server that does not answer.
import { serveLog } from 'tidelog/worker'
import { notes } from '../notes-model.ts'

self.fetch = (input, init) =>
  new Promise((_, reject) => {
    const { signal } = new Request(input, init)
    signal.addEventListener('abort', () => reject(signal.reason))
  })

serveLog(notes, { sync: () => ({ url: 'http://server.test/sync/notes' }) })
