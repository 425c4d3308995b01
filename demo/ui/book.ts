import { openLog } from 'tidelog'
import { exportTask, importTask } from '../book/file.ts'
import { fillTask, missingPages } from '../book/fill.ts'
import { type BookLog, book } from '../book/model.ts'
import { fillToWords } from '../book/words.ts'
import { count } from '../words.ts'
import { mountBookSearch } from './book-search.ts'
import { mountBookTable } from './book-table.ts'
import { createDesk, type Desk } from './desk.ts'
import { mustFind, setText } from './dom.ts'
import { download } from './download.ts'
import type { Notices } from './notices.ts'

/** Opens the harbour book: a log apart from the shop's, as long as its visitor likes, that rests in this browser alone. */
export async function mountBook(notices: Notices): Promise<void> {
  const log = openLog(book)
  await log.ready
  const root = mustFind('#book')
  const fill = mustFind('[data-testid=book-fill]', root)
  const give = mustFind('[data-testid=book-export]', root)
  let missing: readonly number[] = []
  /** Asked for each time: another tab, or a file, may have brought pages. */
  const showMissing = async (): Promise<void> => {
    missing = await missingPages(log)
    setText(fill, fillToWords(missing.length))
    fill.toggleAttribute('disabled', missing.length === 0)
  }
  const showLength = (): void => {
    const { confirmed } = log.sync.get()
    root.dataset.events = String(confirmed)
    setText(mustFind('#book-length', root), count(confirmed, 'event'))
    give.toggleAttribute('disabled', confirmed === 0)
  }
  await showMissing()
  log.sync.subscribe(showLength)
  showLength()
  const desk = createDesk(root, notices, showMissing)
  fill.addEventListener('click', () => void desk.run(fillTask(log, missing)))
  give.addEventListener('click', () => void desk.run(exportTask(log, (file) => download('harbour-book.tidelog', file))))
  mountFilePicker(root, log, desk)
  mountBookSearch(log, root, notices)
  mountBookTable(log, root, notices)
  mustFind('#book-parts', root).hidden = false
}

/** The browser's own file button can't be made to look like the others. */
function mountFilePicker(root: HTMLElement, log: BookLog, desk: Desk): void {
  const picker = root.querySelector<HTMLInputElement>('#book-file')
  mustFind('[data-testid=book-import]', root).addEventListener('click', () => picker?.click())
  picker?.addEventListener('change', () => {
    const [file] = picker.files ?? []
    if (file !== undefined) void desk.run(importTask(log, file))
    // The same file can be chosen again.
    picker.value = ''
  })
}
