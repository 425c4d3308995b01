import { h, mustFind, picture } from './dom.ts'

export interface Notices {
  /** Good news: leaves by itself. */
  readonly say: (text: string) => void
  /** Something was refused: stays until it is dismissed or the next notice comes. */
  readonly refuse: (text: string) => void
  /** Only for those who do not see the screen change. */
  readonly whisper: (text: string) => void
}

const sayMs = 4_000

/** The one place where the page speaks up. Both regions are live, so screen readers hear them too. */
export function mountNotices(): Notices {
  const region = mustFind('#notices')
  const quiet = mustFind('#whispers')
  let timer: ReturnType<typeof setTimeout> | undefined

  const show = (kind: 'good' | 'refused', text: string): void => {
    clearTimeout(timer)
    const close = h('button', { type: 'button', class: 'icon-button', click: () => region.replaceChildren() })
    close.append(picture('cross', 'icon'), h('span', { class: 'sr-only' }, 'Dismiss'))
    const words = h('p', { 'data-testid': 'notice', 'data-kind': kind }, text)
    const symbol = picture(kind === 'good' ? 'anchor' : 'buoy', 'icon')
    region.replaceChildren(h('div', { class: `notice notice-${kind}` }, symbol, words, close))
    if (kind === 'good') timer = setTimeout(() => region.replaceChildren(), sayMs)
  }
  return {
    say: (text) => show('good', text),
    refuse: (text) => show('refused', text),
    whisper: (text) => {
      quiet.textContent = text
    },
  }
}
