import type { DeadLetter, Log } from 'tidelog'
import { addItem, clearCart, type Rule, removeItem, submitCart } from '../rules.ts'
import type { ShopMap } from '../shop.ts'
import { count, reasonToWords, wishToWords } from '../words.ts'
import type { Actions } from './actions.ts'
import { h, hiddenText, mustFind, setText } from './dom.ts'
import { keepFocus } from './focus.ts'
import type { Notices } from './notices.ts'
import { type Row, showRows } from './rows.ts'

type Letter = DeadLetter<ShopMap>

/** Commits that the server refused, each with its reason: decide again on the fresh cart, or let it go. */
export function mountRefused(log: Log<ShopMap>, actions: Actions, notices: Notices): void {
  const root = mustFind('[data-testid=refused]')
  const discard = async (letter: Letter): Promise<void> => {
    try {
      await log.deadLetters.discard(letter.commitId)
    } catch (error) {
      notices.refuse(error instanceof Error ? error.message : String(error))
    }
  }
  const again = async (letter: Letter, rule: Rule): Promise<void> => {
    if (await actions.tell(rule, `${wishToWords(letter)}: done.`)) await discard(letter)
  }
  const rows = letterRows(again, discard)
  // What lay here when the page opened is no news.
  let known: Set<string> | undefined
  log.deadLetters.list().then(
    (letters) => {
      known = new Set(letters.map(({ commitId }) => commitId))
    },
    () => {},
  )
  const show = (): void => {
    const letters = log.deadLetters.get()
    const news = letters.find(({ commitId }) => known !== undefined && !known.has(commitId))
    for (const { commitId } of letters) known?.add(commitId)
    keepFocus(root, () => {
      root.hidden = letters.length === 0
      root.dataset.count = String(letters.length)
      setText(mustFind('#refused-count', root), count(letters.length, 'change'))
      showRows(mustFind('#letters', root), letters, rows)
    })
    if (news) notices.refuse(`Refused: ${wishToWords(news)}. ${reasonToWords(news)}`)
  }
  log.deadLetters.subscribe(show)
  show()
}

/** The command that made the commit, told from its facts. */
function ruleOf(letter: Letter): Rule | undefined {
  for (const { type, data } of letter.events) {
    if (type === 'ItemAdded') return addItem(data)
    if (type === 'ItemRemoved') return removeItem(data)
    if (type === 'CartCleared') return clearCart(data)
    if (type === 'CartSubmitted') return submitCart(data)
  }
  return undefined
}

const letterRows = (
  again: (letter: Letter, rule: Rule) => Promise<void>,
  discard: (letter: Letter) => Promise<void>,
): Row<Letter> => ({
  key: ({ commitId }) => commitId,
  create: (letter) => {
    const wish = wishToWords(letter)
    const rule = ruleOf(letter)
    const buttons = h('div', { class: 'letter-buttons' })
    if (rule)
      buttons.append(
        h(
          'button',
          { type: 'button', class: 'button', 'data-testid': 'refused-again', click: () => void again(letter, rule) },
          'Try again',
          hiddenText(`: ${wish}`),
        ),
      )
    buttons.append(
      h(
        'button',
        {
          type: 'button',
          class: 'button button-quiet',
          'data-testid': 'refused-discard',
          click: () => void discard(letter),
        },
        'Discard',
        hiddenText(`: ${wish}`),
      ),
    )
    return h(
      'li',
      {
        class: 'letter',
        'data-testid': 'refused-row',
        'data-commit-id': letter.commitId,
        'data-reason': letter.reason.type,
      },
      h('p', { class: 'letter-wish' }, wish),
      h('p', { class: 'letter-reason' }, reasonToWords(letter)),
      buttons,
    )
  },
  update: () => {},
})
