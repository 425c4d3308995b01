import { h, mustFind, picture } from './dom.ts'

export interface Notices {
  /** Good news: leaves by itself. */
  readonly say: (text: string) => void
  /** A "no" to what was just asked for: stays until it is dismissed or the next notice comes. */
  readonly refuse: (text: string) => void
  /** What had been done, and is not: stays too. */
  readonly refuseLater: (text: string) => void
  /** Only for those who do not see the screen change. */
  readonly whisper: (text: string) => void
}

const sayMs = 4_000
const sayMsPerLetter = 40

const kinds = {
  good: { icon: 'anchor', title: '' },
  'refused-now': { icon: 'cross', title: 'Not possible' },
  'refused-later': { icon: 'buoy', title: 'Refused later' },
} as const

/** The one place where the page speaks up. Both regions are live, so screen readers hear them too. */
export function mountNotices(): Notices {
  const region = mustFind('#notices')
  const quiet = mustFind('#whispers')
  let timer: ReturnType<typeof setTimeout> | undefined

  const show = (kind: keyof typeof kinds, text: string): void => {
    clearTimeout(timer)
    const { icon, title } = kinds[kind]
    const close = h('button', { type: 'button', class: 'icon-button', click: () => region.replaceChildren() })
    close.append(picture('cross', 'icon'), h('span', { class: 'sr-only' }, 'Dismiss'))
    const words = h('p', { 'data-testid': 'notice', 'data-kind': kind }, text)
    if (title !== '') words.prepend(h('strong', { class: 'notice-title' }, title), ' ')
    const look = kind === 'good' ? 'notice' : `notice notice-refused ${kind}`
    region.replaceChildren(h('div', { class: look }, picture(icon, 'icon'), words, close))
    if (kind === 'good') timer = setTimeout(() => region.replaceChildren(), sayMs + text.length * sayMsPerLetter)
  }
  return {
    say: (text) => show('good', text),
    refuse: (text) => show('refused-now', text),
    refuseLater: (text) => show('refused-later', text),
    whisper: (text) => {
      quiet.textContent = text
    },
  }
}
