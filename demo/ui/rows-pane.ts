import type { FindOptions, Found, LiveQuery, OpenReadModel } from 'tidelog/read-model'
import { count } from '../words.ts'
import { h, mustFind, mustFindInput, setText } from './dom.ts'
import type { Notices } from './notices.ts'
import { mountReplay } from './replay.ts'
import { type Row as ListRow, showRows } from './rows.ts'

const pageRows = 6

/** A way to look at rows. */
export interface Look {
  readonly words: string
  readonly find: FindOptions
}
/** How a row is told. */
export interface RowWords {
  readonly name: string
  readonly aside: string
  readonly about: string
}
/** A read model as it is shown. */
export interface RowsView<Row> {
  readonly id: string
  readonly title: string
  readonly about: string
  /** What one row is: `cart`. */
  readonly unit: string
  readonly searchWords: string
  readonly search: (text: string) => FindOptions
  readonly looks: readonly [Look, ...Look[]]
  readonly toWords: (id: string, row: Row) => RowWords
}

/** The rows of a read model, live: searched, sorted, and built anew on demand. */
export function mountRowsPane<Row>(
  parent: HTMLElement,
  model: OpenReadModel<Row>,
  view: RowsView<Row>,
  notices: Notices,
): void {
  const { id, looks } = view
  const root = paneOf(view)
  parent.append(root)
  const search = mustFindInput('input', root)
  const select = mustFind('select', root) as HTMLSelectElement
  const more = mustFind(`[data-testid=${id}-more]`, root)
  const row = rowOf(view)
  let live: LiveQuery<Found<Row>> | undefined
  let limit = pageRows
  let asked = 0

  const wanted = (): FindOptions => {
    const text = search.value.trim().toLowerCase()
    return text === '' ? (looks[select.selectedIndex] ?? looks[0]).find : view.search(text)
  }
  const showCount = async (): Promise<void> => {
    const mine = ++asked
    const { order: _order, ...which } = wanted()
    const all = await model.count(which)
    if (mine !== asked) return
    root.dataset.count = String(all)
    setText(mustFind('.rows-count', root), count(all, view.unit))
    mustFind('.rows-empty', root).hidden = all > 0
  }
  const show = (of: LiveQuery<Found<Row>>): void => {
    const found = of.get()
    if (of !== live || found === undefined) return
    showRows(mustFind('.rows', root), found.rows, row)
    more.hidden = found.next === undefined
    showCount().catch(() => {})
  }
  /** What was found before stays until there is an answer. */
  const follow = (): void => {
    const before = live
    const next = model.live({ ...wanted(), limit })
    live = next
    // Last, since it says so to whoever listens.
    before?.close()
    next.subscribe(() => show(next))
    next.ready.then(
      () => show(next),
      (error: unknown) => {
        if (next === live) notices.refuse(error instanceof Error ? error.message : String(error))
      },
    )
  }
  const anew = (): void => {
    limit = pageRows
    follow()
  }
  search.addEventListener('input', anew)
  select.addEventListener('change', () => {
    search.value = ''
    anew()
  })
  more.addEventListener('click', () => {
    limit += pageRows
    follow()
  })
  mountReplay(root, model, notices)
  follow()
}

function paneOf<Row>({ id, title, about, looks, searchWords }: RowsView<Row>): HTMLElement {
  const titleId = `${id}-title`
  const options = looks.map(({ words }) => h('option', {}, words))
  return h(
    'section',
    { class: 'rows-pane', 'aria-labelledby': titleId, 'data-testid': id, 'data-count': '0' },
    h('div', { class: 'sheet-head' }, h('h3', { id: titleId }, title), h('p', { class: 'places rows-count' })),
    h('p', { class: 'quiet' }, about),
    h(
      'div',
      { class: 'rows-asks' },
      h('label', {}, searchWords, h('input', { class: 'field', type: 'search', 'data-testid': `${id}-search` })),
      h('label', {}, 'Show', h('select', { class: 'field', 'data-testid': `${id}-look` }, ...options)),
    ),
    h('ol', { class: 'rows', 'aria-labelledby': titleId }),
    h('p', { class: 'quiet rows-empty', hidden: true }, 'No rows.'),
    h(
      'button',
      { type: 'button', class: 'button button-quiet', 'data-testid': `${id}-more`, hidden: true },
      'Show more',
    ),
    h(
      'div',
      { class: 'replay' },
      h('button', { type: 'button', class: 'button button-quiet', 'data-testid': `${id}-replay` }, 'Replay'),
      h('progress', { class: 'bar', 'aria-label': `Replay of ${title}`, hidden: true }),
      h('p', { class: 'quiet replay-words', 'data-testid': `${id}-replayed` }),
    ),
  )
}

const rowOf = <Row>({ toWords }: RowsView<Row>): ListRow<{ readonly id: string; readonly row: Row }> => ({
  key: ({ id }) => id,
  create: ({ id }) =>
    h(
      'li',
      { class: 'row', 'data-testid': 'row', 'data-id': id },
      h('span', { class: 'row-name' }),
      h('span', { class: 'row-aside' }),
      h('span', { class: 'row-about' }),
    ),
  update: (element, { id, row }) => {
    const words = toWords(id, row)
    setText(mustFind('.row-name', element), words.name)
    setText(mustFind('.row-aside', element), words.aside)
    setText(mustFind('.row-about', element), words.about)
  },
})
