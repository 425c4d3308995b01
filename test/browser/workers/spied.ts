// A user's own worker that tells what it asks of the browser, and can be made to block or to miss notices. Its name is
// the name of the channel on which it is told so.
import { serveLog } from 'tidelog/worker'
import { notes } from '../notes-model.ts'
import type { Order, Said } from '../spy.ts'

const channel = new BroadcastChannel(self.name)
const say = (said: Said): void => channel.postMessage(said)
let block: Extract<Order, { kind: 'block' }> | undefined
let isDeaf = false

channel.onmessage = ({ data }: MessageEvent<Order>) => {
  if (data.kind === 'block') block = data
  else isDeaf = data.isDeaf
  say({ kind: 'obeyed' })
}

const sinceStart = new WeakMap<IDBTransaction, string>()
const { transaction } = IDBDatabase.prototype
IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args: Parameters<typeof transaction>) {
  const made = transaction.apply(this, args)
  const what = `${made.mode} ${[...made.objectStoreNames].join(' ')}`
  sinceStart.set(made, what)
  say({ kind: 'transaction', what, durability: made.durability })
  return made
}
const { commit } = IDBTransaction.prototype
IDBTransaction.prototype.commit = function (this: IDBTransaction) {
  const order = block?.what === sinceStart.get(this) ? block : undefined
  if (order?.withoutCommit !== true) commit.call(this)
  if (order === undefined) return
  block = undefined
  const until = Date.now() + order.ms
  say({ kind: 'blocked', until })
  // In the very turn of the transaction, as when the browser freezes the tab there.
  while (Date.now() < until);
}

const { request } = LockManager.prototype
LockManager.prototype.request = function (this: LockManager, ...args: [string, ...unknown[]]) {
  say({ kind: 'lock', what: args[0] })
  return Reflect.apply(request, this, args)
}

/** Loses what the other tabs say while it is deaf. */
class LossyChannel extends BroadcastChannel {
  override set onmessage(listener: (event: MessageEvent) => void) {
    this.addEventListener('message', (event) => {
      if (!isDeaf) listener(event)
    })
  }
}
self.BroadcastChannel = LossyChannel

serveLog(notes)
