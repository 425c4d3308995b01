// A worker in a browser that gives no storage; its name says how.
import { serveLog } from 'tidelog/worker'
import { notes } from '../notes-model.ts'

const deny = (): never => {
  throw new DOMException('The user denied permission to access the database.', 'SecurityError')
}
const { open } = IDBFactory.prototype
/** A request that fails. */
function refused(this: IDBFactory): IDBOpenDBRequest {
  const request = open.call(this, crypto.randomUUID())
  request.addEventListener('upgradeneeded', (event) => {
    event.stopImmediatePropagation()
    request.transaction?.abort()
  })
  return request
}
/** A request that never says anything. */
function silent(this: IDBFactory): IDBOpenDBRequest {
  const request = open.call(this, 'silent')
  request.addEventListener = () => {}
  return request
}

if (self.name === 'missing') Object.defineProperty(self, 'indexedDB', { value: undefined })
if (self.name === 'throws') IDBFactory.prototype.open = deny
if (self.name === 'refuses') IDBFactory.prototype.open = refused
if (self.name === 'silent') {
  IDBFactory.prototype.open = silent
  // A clock that does not keep the test waiting for the time-out of an open.
  const { setTimeout } = self
  const sooner = (run: () => void, ms: number) => setTimeout(run, ms === 15_000 ? 50 : ms)
  Object.defineProperty(self, 'setTimeout', { value: sooner })
}

serveLog(notes)
