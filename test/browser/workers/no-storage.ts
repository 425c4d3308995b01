// A worker in a browser that gives no storage; its name says how.
import { injectFaults } from 'tidelog/testing'
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
if (self.name === 'missing') Object.defineProperty(self, 'indexedDB', { value: undefined })
if (self.name === 'throws') IDBFactory.prototype.open = deny
if (self.name === 'refuses') IDBFactory.prototype.open = refused
if (self.name === 'getter throws') Object.defineProperty(self, 'indexedDB', { get: deny })
if (self.name === 'silent') {
  injectFaults(self as unknown as typeof globalThis).storage.hangOpens()
  // A clock that does not keep the test waiting for the time-out of an open.
  const { setTimeout } = self
  const sooner = (run: () => void, ms: number, ...args: unknown[]) => setTimeout(run, ms === 15_000 ? 50 : ms, ...args)
  Object.defineProperty(self, 'setTimeout', { value: sooner })
}

serveLog(notes)
