import { type Found, findShip } from '../book/find.ts'
import type { BookLog, Passage } from '../book/model.ts'
import { ships, shipsLike, toShipName } from '../book/ships.ts'
import { failureToWords, foundToWords, newestToWords, passageToWords } from '../book/words.ts'
import { toNumber } from '../words.ts'
import { h, mustFind, mustFindInput, setText } from './dom.ts'
import type { Notices } from './notices.ts'
import { type Row, showRows } from './rows.ts'

const newestMax = 20
const offeredMax = 12

/** Finds one ship among all events, and says how long that took. */
export function mountBookSearch(log: BookLog, root: HTMLElement, notices: Notices): void {
  const input = mustFindInput('#book-ship', root)
  const answer = mustFind('#book-answer', root)
  let asked = 0
  const find = async (): Promise<void> => {
    const ship = toShipName(input.value)
    input.value = ship
    if (ship === '') return input.focus()
    const mine = ++asked
    try {
      const found = await findShip(log, ship, newestMax)
      // A slower answer to an earlier question must not take the place of this one.
      if (mine === asked) showFound(answer, ship, found)
    } catch (error) {
      notices.refuse(failureToWords(error))
    }
  }
  const offer = (): void => {
    const options = shipsLike(input.value, offeredMax).map((ship) => h('option', { value: ship }))
    mustFind('#book-ships', root).replaceChildren(...options)
  }
  input.addEventListener('input', offer)
  offer()
  mustFind('#book-search', root).addEventListener('submit', (event) => {
    event.preventDefault()
    void find()
  })
  mustFind('[data-testid=book-random]', root).addEventListener('click', () => {
    input.value = ships[Math.floor(Math.random() * ships.length)] ?? ''
    void find()
  })
}

function showFound(answer: HTMLElement, ship: string, found: Found): void {
  const { newest, events, ms } = found
  answer.dataset.found = String(events)
  answer.dataset.ms = String(ms)
  setText(mustFind('#book-found', answer), foundToWords(ship, found))
  setText(mustFind('#book-newest', answer), newestToWords(newest.length, events))
  showRows(mustFind('#book-rows', answer), newest, passageRow)
}

const passageRow: Row<Passage> = {
  key: ({ id }) => id,
  create: (passage) => {
    const { position = 0, data } = passage
    return h(
      'li',
      { class: 'book-row', 'data-testid': 'book-row', 'data-ship': data.ship },
      h('span', { class: 'book-position' }, toNumber(position)),
      h('span', {}, passageToWords(passage)),
      h('span', { class: 'book-aside' }, `${toNumber(data.tonnes)} t`),
      h('time', { class: 'book-aside', datetime: data.on }, dateToWords(data.on)),
    )
  },
  update: () => {},
}

const dates = new Intl.DateTimeFormat('en-IE', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })
const dateToWords = (on: string): string => dates.format(new Date(on))
