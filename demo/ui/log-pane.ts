import type { Recorded, UnknownEvent } from 'tidelog'
import type { ShopMap } from '../events.ts'
import { pulse } from '../pulse.ts'
import type { ShopLog } from '../shop.ts'
import { count } from '../words.ts'
import type { Actions } from './actions.ts'
import { h, hiddenText, mustFind, setText } from './dom.ts'
import { keepFocus } from './focus.ts'
import { type Row, showRows } from './rows.ts'

type Entry = Recorded<ShopMap> | UnknownEvent
/** An event on the screen. A pending commit is taken back as a whole, so only its newest event offers that. */
interface Line {
  readonly entry: Entry
  readonly canBeTakenBack: boolean
}

const entriesMax = 200

/** The log itself, newest first: pending above the waterline, confirmed below it. */
export function mountLogPane(log: ShopLog, actions: Actions): void {
  const row = lineRows(actions)
  const root = mustFind('#log')
  const [pendingList, confirmedList] = [mustFind('#log-pending', root), mustFind('#log-confirmed', root)]

  const show = (entries: readonly Entry[]): void => {
    const lines = entries.map((entry, at) => {
      const isPending = entry.position === undefined
      return { entry, canBeTakenBack: isPending && entries[at - 1]?.commitId !== entry.commitId }
    })
    const pending = lines.filter(({ entry }) => entry.position === undefined)
    const confirmed = lines.filter(({ entry }) => entry.position !== undefined)
    const change = (): void => {
      showRows(pendingList, pending, row)
      showRows(confirmedList, confirmed, row)
    }
    keepFocus(pendingList, change, '#log-title')
    pendingList.hidden = pending.length === 0
    mustFind('#log-empty', root).hidden = entries.length > 0
    mustFind('#log-older', root).hidden = entries.length < entriesMax
    mustFind('#waterline', root).hidden = entries.length === 0
    const words = `${count(confirmed.at(0)?.entry.position ?? 0, 'event')} confirmed, ${pending.length} pending`
    setText(mustFind('#log-count', root), entries.length > 0 ? words : '')
  }

  const refresh = oneAtATime(async () => {
    const read = log.read({ direction: 'backwards', limit: entriesMax, unknown: 'yield' })
    show((await read.all()).events)
  })
  // Either of them moves whenever the log does; which of the two is first does not matter.
  log.view(pulse).subscribe(refresh)
  log.sync.subscribe(refresh)
  refresh()
}

/** Runs again after a call that came in the middle, so that the last run has seen everything. */
function oneAtATime(run: () => Promise<void>): () => void {
  let running = false
  let again = false
  const start = async (): Promise<void> => {
    if (running) {
      again = true
      return
    }
    running = true
    try {
      do {
        again = false
        await run()
      } while (again)
    } catch {
      // The log can't be read just now; the banner says why, and the next change tries again.
    } finally {
      running = false
    }
  }
  return () => void start()
}

const typeOf = (entry: Entry): string => (entry.type === '$unknown' ? entry.originalType : entry.type)

const lineRows = (actions: Actions): Row<Line> => ({
  key: ({ entry }) => entry.id,
  create: ({ entry, canBeTakenBack }) => {
    const type = typeOf(entry)
    const takeBack = h(
      'button',
      {
        type: 'button',
        class: 'log-take-back',
        'data-testid': 'log-take-back',
        click: () => void actions.takeBack(entry.commitId),
      },
      'Take back',
      hiddenText(`: ${type}`),
    )
    return h(
      'li',
      { class: 'log-row', 'data-testid': 'log-row', 'data-id': entry.id, 'data-type': type },
      h('span', { class: 'log-position' }),
      h('span', { class: 'log-type' }, type),
      h('span', { class: 'log-place' }),
      h('code', { class: 'log-data' }, ...dataToNodes(entry.data)),
      ...(canBeTakenBack ? [takeBack] : []),
    )
  },
  update: (element, { entry: { position, stream, version } }) => {
    element.dataset.position = position === undefined ? '' : String(position)
    element.dataset.stream = stream
    element.dataset.version = String(version)
    setText(mustFind('.log-position', element), position === undefined ? 'pending' : String(position))
    setText(mustFind('.log-place', element), `${stream} · v${version}`)
  },
})

/** `key value` pairs read better than braces; anything that is not an object is shown as JSON. */
function dataToNodes(data: unknown): readonly Node[] {
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    return [document.createTextNode(JSON.stringify(data))]
  return Object.entries(data).map(([key, value]) =>
    h(
      'span',
      { class: 'log-pair' },
      h('span', { class: 'log-key' }, key),
      ' ',
      typeof value === 'string' ? value : toSpacedJson(value),
    ),
  )
}

/** With spaces, so that long lists break between their parts. */
const toSpacedJson = (value: unknown): string => JSON.stringify(value, null, 1).replace(/\s*\n\s*/g, ' ')
