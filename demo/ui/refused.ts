import { cartOf, causesToWords, reasonToWords, wishToWords } from '../letter-words.ts'
import { cartLink } from '../route.ts'
import type { Letter, ShopLog } from '../shop.ts'
import { count } from '../words.ts'
import type { Actions } from './actions.ts'
import { h, hiddenText, mustFind, setText } from './dom.ts'
import { download } from './download.ts'
import { keepFocus } from './focus.ts'
import type { Notices } from './notices.ts'
import { type Row, showRows } from './rows.ts'

/** The same wish may be refused, tried again and refused once more. */
const keyOf = ({ commitId, time }: Letter): string => `${commitId} ${time}`

/** Wishes that were fine when they were made and refused later, each with its reason: try again, or let it go. */
export function mountRefused(log: ShopLog, actions: Actions, notices: Notices): void {
  const root = mustFind('[data-testid=refused]')
  const { deadLetters } = log
  const tell = (error: unknown): void => notices.refuse(error instanceof Error ? error.message : String(error))
  const rows = letterRows({
    again: (letter) => void actions.tryAgain(letter.commitId, wishToWords(letter)),
    discard: ({ commitId }) => void deadLetters.discard(commitId).catch(tell),
  })
  mustFind('[data-testid=refused-export]', root).addEventListener('click', () => {
    deadLetters.export().then((text) => download('refused.json', new Blob([text], { type: 'application/json' })), tell)
  })
  // What lay here when the page opened is no news.
  let known: Set<string> | undefined
  deadLetters.list().then(
    (letters) => {
      known = new Set(letters.map(keyOf))
    },
    () => {},
  )
  const show = (): void => {
    const letters = deadLetters.get()
    const news = letters.filter((letter) => known !== undefined && !known.has(keyOf(letter)))
    for (const letter of letters) known?.add(keyOf(letter))
    keepFocus(root, () => {
      root.hidden = letters.length === 0
      root.dataset.count = String(letters.length)
      setText(mustFind('#refused-count', root), count(letters.length, 'change'))
      showRows(mustFind('#letters', root), letters, rows)
    })
    const [first] = news
    if (first === undefined) return
    const more = news.length > 1 ? ` And ${news.length - 1} more.` : ''
    notices.refuseLater(`${wishToWords(first)}. ${reasonToWords(first)}${more}`)
  }
  deadLetters.subscribe(show)
  show()
}

/** Of what the server has already, no command is kept. */
const canTryAgain = ({ decider }: Letter): boolean => decider !== undefined

const letterRows = (on: {
  readonly again: (letter: Letter) => void
  readonly discard: (letter: Letter) => void
}): Row<Letter> => ({
  key: keyOf,
  create: (letter) => {
    const wish = wishToWords(letter)
    const button = (name: string, className: string, words: string, click: () => void): HTMLElement =>
      h(
        'button',
        { type: 'button', class: `button ${className}`, 'data-testid': `refused-${name}`, click },
        words,
        hiddenText(`: ${wish}`),
      )
    const buttons = h('div', { class: 'letter-buttons' })
    if (canTryAgain(letter)) buttons.append(button('again', '', 'Try again', () => on.again(letter)))
    buttons.append(button('discard', 'button-quiet', 'Discard', () => on.discard(letter)))
    const { commitId, reason, attempt } = letter
    const causes = causesToWords(letter)
    const cartId = cartOf(letter)
    const aside = h('p', { class: 'letter-aside' })
    if (cartId) aside.append('In cart ', h('a', { href: cartLink(cartId) }, cartId))
    if (attempt > 1) aside.append(`${cartId ? ', decided' : 'Decided'} ${attempt} times`)
    return h(
      'li',
      { class: 'letter', 'data-testid': 'refused-row', 'data-commit-id': commitId, 'data-reason': reason.type },
      h('p', { class: 'letter-wish' }, wish),
      aside,
      h('p', { class: 'letter-reason' }, reasonToWords(letter)),
      ...(causes === undefined ? [] : [h('p', { class: 'letter-causes', 'data-testid': 'refused-causes' }, causes)]),
      buttons,
    )
  },
  update: () => {},
})
