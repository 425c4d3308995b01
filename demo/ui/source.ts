import type { Translator, UntranslatedMessage } from 'tidelog/automation'
import { type Reception, receptionToWords } from '../outside/words.ts'
import { type Product, productOf, products } from '../products.ts'
import { h, hiddenText, mustFind, mustFindInput, setText } from './dom.ts'
import { keepFocus } from './focus.ts'
import type { Notices } from './notices.ts'
import { type Row, showRows } from './rows.ts'

const sentMax = 4

/** An outside source of messages, as its form plays it. */
export interface Source {
  readonly translator: Translator
  /** What it sends of a product, given the number in the form. */
  readonly compose: (product: Product, number: number) => unknown
  /** The number that the form begins with. */
  readonly suggest: (product: Product) => number
  readonly nonsense: unknown
}
interface Sent {
  readonly at: number
  readonly offset: number
  readonly message: unknown
  readonly reception: Reception
}

/** A form that sends messages as an outside system would: new ones, the last one again, and such as nobody understands. */
export async function mountSource(root: HTMLElement, source: Source, notices: Notices): Promise<void> {
  const { translator } = source
  const field = mustFindInput('.field[type=number]', root)
  const select = mustFind('select', root) as HTMLSelectElement
  const again = mustFind('[data-do=again]', root)
  select.append(...products.map(({ productId, name }) => h('option', { value: productId }, name)))
  const suggest = (): void => {
    field.value = String(source.suggest(productOf(select.value)))
  }
  select.addEventListener('change', suggest)
  suggest()
  let journal: readonly Sent[] = []

  const show = async (): Promise<void> => {
    const [last, lost] = await Promise.all([translator.last(), translator.untranslated()])
    root.dataset.offset = String(last ?? 0)
    setText(mustFind('.source-offset', root), last === undefined ? 'Nothing was heard yet.' : `Last offset: ${last}`)
    again.toggleAttribute('disabled', journal.length === 0)
    showRows(mustFind('.source-sent', root), journal, sentRow)
    const list = mustFind('.source-kept', root)
    keepFocus(list, () => showRows(list, lost, kept), '#outside-title')
    list.hidden = lost.length === 0
  }
  const guard = (run: () => Promise<void>): void => {
    run().catch((error: unknown) => notices.refuse(error instanceof Error ? error.message : String(error)))
  }
  const send = async (message: unknown, offset: number): Promise<void> => {
    const reception = await translator.receive(message, offset)
    journal = [{ at: (journal[0]?.at ?? 0) + 1, offset, message, reception }, ...journal].slice(0, sentMax)
    notices.whisper(receptionToWords[reception])
    await show()
  }
  const kept = keptRow((offset) => guard(() => translator.discard(offset).then(show)))
  const next = async (): Promise<number> => ((await translator.last()) ?? 0) + 1
  root.addEventListener('submit', (event) => {
    event.preventDefault()
    guard(async () => send(source.compose(productOf(select.value), field.valueAsNumber), await next()))
  })
  again.addEventListener('click', () => {
    const [last] = journal
    if (last !== undefined) guard(() => send(last.message, last.offset))
  })
  mustFind('[data-do=nonsense]', root).addEventListener('click', () =>
    guard(async () => send(source.nonsense, await next())),
  )
  await show()
}

const messageParts = (offset: number, message: unknown): readonly HTMLElement[] => [
  h('span', { class: 'message-offset' }, hiddenText('Offset '), String(offset)),
  h('code', { class: 'message-text' }, JSON.stringify(message)),
]

const sentRow: Row<Sent> = {
  key: ({ at }) => String(at),
  create: ({ offset, message, reception }) =>
    h(
      'li',
      { class: 'message', 'data-testid': 'message', 'data-reception': reception, 'data-offset': String(offset) },
      ...messageParts(offset, message),
      h('p', { class: 'message-words' }, receptionToWords[reception]),
    ),
  update: () => {},
}

const keptRow = (forget: (offset: number) => void): Row<UntranslatedMessage> => ({
  key: ({ offset }) => String(offset),
  create: ({ offset, message, problem }) => {
    const click = (): void => forget(offset)
    const button = h('button', { type: 'button', class: 'button button-quiet', click }, 'Discard')
    button.append(hiddenText(` message ${offset}`))
    return h(
      'li',
      { class: 'message message-kept', 'data-testid': 'untranslated', 'data-offset': String(offset) },
      ...messageParts(offset, message),
      h('p', { class: 'message-words' }, problem),
      button,
    )
  },
  update: () => {},
})
