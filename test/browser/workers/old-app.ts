// An app as it was before a row could hold a certain text: such a row is of a format that it does not know.
import { serveLog } from 'tidelog/worker'
import { notes } from '../notes-model.ts'

interface Row {
  readonly commits?: string
}
const asSeen = (row: unknown): unknown =>
  typeof row === 'object' && row !== null && `${(row as Row).commits}`.includes('"future"')
    ? { ...row, format: 2 }
    : row

const result = Object.getOwnPropertyDescriptor(IDBRequest.prototype, 'result')
Object.defineProperty(IDBRequest.prototype, 'result', {
  get(this: IDBRequest) {
    const found: unknown = result?.get?.call(this)
    return Array.isArray(found) ? found.map(asSeen) : asSeen(found)
  },
})

/** Notices carry rows too. */
class OldChannel extends BroadcastChannel {
  override set onmessage(listener: (event: MessageEvent) => void) {
    this.addEventListener('message', ({ data }) => listener(new MessageEvent('message', { data: withSeenRow(data) })))
  }
}
const withSeenRow = (notice: { readonly row?: unknown }): unknown =>
  notice.row === undefined ? notice : { ...notice, row: asSeen(notice.row) }
self.BroadcastChannel = OldChannel

serveLog(notes)
