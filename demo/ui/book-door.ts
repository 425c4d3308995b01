import { mustFind } from './dom.ts'
import type { Notices } from './notices.ts'

/** The harbour book costs nothing until its visitor looks inside: neither its code nor its log is there before. */
export function mountBookDoor(notices: Notices): void {
  const inside = mustFind('#book-inside')
  const open = async (): Promise<void> => {
    if (!inside.hasAttribute('open')) return
    inside.removeEventListener('toggle', open)
    try {
      const { mountBook } = await import('./book.ts')
      await mountBook(notices)
    } catch (error) {
      notices.refuse(`The book can’t be opened: ${error instanceof Error ? error.message : String(error)}`)
      inside.addEventListener('toggle', open)
    }
  }
  inside.addEventListener('toggle', open)
}
