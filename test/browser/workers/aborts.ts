// A worker that tells of each write that the browser aborted, how many of its requests had succeeded. Its name is that of
// the channel.
import { serveLog } from 'tidelog/worker'
import { notes } from '../notes-model.ts'

const channel = new BroadcastChannel(`aborts/${self.name}`)
const succeeded = new WeakMap<IDBTransaction, number>()

for (const name of ['add', 'put'] as const) {
  const before = IDBObjectStore.prototype[name]
  IDBObjectStore.prototype[name] = function (this: IDBObjectStore, value: unknown) {
    const { transaction } = this
    const request = before.call(this, value)
    request.addEventListener('success', () => succeeded.set(transaction, (succeeded.get(transaction) ?? 0) + 1))
    return request
  }
}
const { transaction } = IDBDatabase.prototype
IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args: Parameters<typeof transaction>) {
  const made = transaction.apply(this, args)
  made.addEventListener('abort', () => channel.postMessage(succeeded.get(made) ?? 0))
  return made
}

serveLog(notes)
