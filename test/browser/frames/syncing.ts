// A page with a log that is to be synced with a server that does not answer. Its address names the log's key, and the
// channel on which it is told to leave or to close.
import { openLog } from 'tidelog'
import { notes } from '../notes-model.ts'

const key = location.hash.slice(1)
const worker = () => new Worker(new URL('../workers/syncing.ts', import.meta.url), { type: 'module' })
openLog(notes, { key, worker })
new BroadcastChannel(key).onmessage = ({ data }: MessageEvent<string>) => {
  if (data === 'close') close()
  if (data === 'leave') location.href = `elsewhere.html#${key}`
}
