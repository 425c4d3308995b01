// A worker that does within moments what it would do after a minute.
import { serveLog } from 'tidelog/worker'
import { notes } from '../notes-model.ts'

const later = self.setTimeout
let hurries = 2
self.setTimeout = ((callback: () => void, ms = 0) => {
  const isMinute = ms === 60_000 && hurries-- > 0
  return later(callback, isMinute ? 50 : ms)
}) as typeof setTimeout

serveLog(notes)
