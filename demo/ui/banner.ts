import type { ShopLog } from '../shop.ts'
import { storageToWords } from '../words.ts'
import { h, mustFind, setText } from './dom.ts'

/** Says when what is done here may not last. */
export function mountStorageBanner(log: ShopLog): void {
  const banner = mustFind('#storage-banner')
  const show = (): void => {
    const words = storageToWords(log.storage.get())
    banner.hidden = words === undefined
    banner.dataset.state = log.storage.get().state
    setText(mustFind('p', banner), words ?? '')
  }
  log.storage.subscribe(show)
  log.ready.then(show, (error: unknown) => {
    banner.hidden = false
    setText(mustFind('p', banner), `The log can't be opened: ${error instanceof Error ? error.message : String(error)}`)
  })
  show()
}

/** Offers a new version; the page never changes under the hands of its visitor. */
export function showUpdateBanner(reload: () => void): void {
  const banner = mustFind('#update-banner')
  if (!banner.hidden) return
  const button = h('button', { type: 'button', class: 'button', 'data-testid': 'update-now', click: reload }, 'Reload')
  banner.replaceChildren(h('p', {}, 'There is a new version of the shop.'), button)
  banner.hidden = false
}
