import { mustFind } from './dom.ts'

/** Changes a part of the page. Focus that would fall out of it goes to the neighbouring row, or to a heading. */
export function keepFocus(part: HTMLElement, change: () => void, heading = '#cart-title'): void {
  const focused = document.activeElement
  if (!(focused instanceof HTMLElement) || !part.contains(focused)) {
    change()
    return
  }
  const row = focused.closest('li')
  const list = row?.parentElement
  const index = row && list ? [...list.children].indexOf(row) : 0
  change()
  const stillThere = focused.isConnected && focused.closest('[hidden]') === null
  if (stillThere) return
  const neighbour = list?.children[index] ?? list?.lastElementChild
  const next = neighbour?.querySelector('button')
  if (next && next.closest('[hidden]') === null) next.focus()
  else mustFind(heading).focus()
}
