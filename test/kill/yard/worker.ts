// The package's worker, which asks the watchman before each of its transactions and requests. It stands still until it is answered,
// so that who is not answered is killed with the transaction open.
import { expose } from 'comlink'
import { createBrowserHost } from '../../../worker/browser-host.ts'

const query = new URLSearchParams(self.location.search)
const watchman = `${query.get('watchman')}?round=${query.get('round')}`

/** Says a line and waits for the answer, with the whole worker. */
function ask(line: string): string {
  const request = new XMLHttpRequest()
  request.open('POST', watchman, false)
  request.send(line)
  return request.responseText
}
const tell = (line: string): unknown => fetchNow(watchman, { method: 'POST', mode: 'no-cors', body: line })

const fetchNow = self.fetch.bind(self)
/** What a transaction writes, by the kinds of its rows. */
const labels = new WeakMap<IDBTransaction, Set<string>>()

interface Row {
  readonly kind?: string
  readonly revision?: number
  readonly chain?: string
}
function labelOf(store: string, { kind, revision, chain = '' }: Row): string {
  if (store === 'writes') return revision === 0 ? 'filler' : (kind ?? store)
  return chain.startsWith('kept/rows/') ? 'rows' : store
}

const { add, put } = IDBObjectStore.prototype
function note(store: IDBObjectStore, row: Row): void {
  const known = labels.get(store.transaction) ?? new Set()
  labels.set(store.transaction, known.add(labelOf(store.name, row)))
}
IDBObjectStore.prototype.add = function (row: Row) {
  note(this, row)
  return add.call(this, row)
}
IDBObjectStore.prototype.put = function (row: Row) {
  note(this, row)
  return put.call(this, row)
}

let begun = 0
const { commit } = IDBTransaction.prototype
IDBTransaction.prototype.commit = function () {
  if (this.mode !== 'readwrite') return commit.call(this)
  const nth = ++begun
  // All of its requests are issued, and nothing of it can be kept before it is committed.
  const answer = ask(`open ${nth} ${[...(labels.get(this) ?? ['delete'])].join()}`)
  this.addEventListener('complete', () => tell(`done ${nth}`))
  commit.call(this)
  if (answer === 'stay') ask(`committing ${nth}`)
}

self.fetch = (input, init) => {
  const answer = fetchNow(input, init)
  const { pathname } = new URL(input instanceof Request ? input.url : String(input))
  ask(`request ${pathname.split('/').at(-1)}`)
  return answer
}

const sealing = query.has('packing')
  ? { from: 30, max: 400, smallMax: 4, keptRows: 50 }
  : { from: 1e9, max: 400, smallMax: 4, keptRows: 1e9 }
expose(createBrowserHost({ sealing }))
