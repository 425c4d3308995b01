import { deedToWords } from '../deed-words.ts'
import type { ShopEventType } from '../events.ts'
import { type Deed, type Deeds, pulse } from '../pulse.ts'
import type { ShopLog } from '../shop.ts'
import { type Slice, type Step, slices } from '../slices.ts'
import { count } from '../words.ts'
import { h, mustFind, setText } from './dom.ts'
import { createStateBadge, updateStateBadge } from './state-badge.ts'

const litMs = 2_600
const kindWords: Readonly<Record<Step['kind'], string>> = {
  screen: 'Screen',
  outside: 'Outside',
  command: 'Command',
  automation: 'Automation',
  event: 'Event',
  model: 'Read model',
}

/** The slices of the event model, which light up as their events happen. */
export function mountEventModel(log: ShopLog): void {
  const list = mustFind('#slices')
  for (const slice of slices) list.append(sliceCard(slice))
  const view = log.view(pulse)
  let before: Deeds | undefined
  const show = (): void => {
    const deeds = view.get()
    for (const card of list.querySelectorAll<HTMLElement>('.slice')) showSlice(card, deeds, before)
    before = deeds
  }
  view.subscribe(show)
  // What had happened before the page opened is no news.
  view.ready.then(show, () => {})
}

const sliceCard = ({ id, title, about, steps }: Slice): HTMLElement =>
  h(
    'li',
    { class: 'slice', 'data-testid': `slice-${id}` },
    h('h3', {}, title),
    h('p', { class: 'slice-about' }, about),
    h('ol', { class: 'steps' }, ...steps.map(stepCard)),
  )

function stepCard(step: Step, at: number): HTMLElement {
  const kind = h('span', { class: 'step-kind' }, kindWords[step.kind])
  const name = h('span', { class: 'step-name' }, step.name)
  const card = h('li', { class: `step step-${step.kind}` }, kind, name)
  // What is further down lights up a little later.
  card.style.setProperty('--at', String(at))
  if (step.kind !== 'event') return card
  Object.assign(card.dataset, { testid: 'deed', type: step.name, count: '0', state: 'none' })
  const times = h('span', { class: 'step-count' })
  const last = h('p', { class: 'step-last', hidden: true }, h('span', { class: 'step-words' }), ' ', createStateBadge())
  name.append(times)
  card.append(last)
  return card
}

const isNews = (deed: Deed | undefined, before: Deed | undefined): boolean =>
  deed !== undefined &&
  (deed.count !== before?.count || deed.pending !== before.pending || deed.last.id !== before.last.id)

function showSlice(card: HTMLElement, deeds: Deeds, before: Deeds | undefined): void {
  let isLit = false
  for (const step of card.querySelectorAll<HTMLElement>('[data-type]')) {
    const type = step.dataset.type as ShopEventType
    showDeed(step, deeds[type])
    // A slice is about what comes of it: the event that sets it off comes first, and alone lights nothing.
    const isOutcome = step.previousElementSibling !== null
    if (isOutcome && before !== undefined && isNews(deeds[type], before[type])) isLit = true
  }
  if (isLit) light(card)
}

function showDeed(step: HTMLElement, deed: Deed | undefined): void {
  const last = mustFind('.step-last', step)
  const isPending = (deed?.pending ?? 0) > 0
  step.dataset.count = String(deed?.count ?? 0)
  step.dataset.state = deed === undefined ? 'none' : isPending ? 'pending' : 'confirmed'
  last.hidden = deed === undefined
  const times = mustFind('.step-count', step)
  setText(times, deed === undefined ? '' : `× ${deed.count}`)
  times.title = deed === undefined ? '' : count(deed.count, 'time')
  if (deed === undefined) return
  setText(mustFind('.step-words', step), deedToWords(deed.last))
  updateStateBadge(mustFind('.state', step), isPending)
}

const timers = new WeakMap<HTMLElement, ReturnType<typeof setTimeout>>()

function light(card: HTMLElement): void {
  clearTimeout(timers.get(card))
  card.removeAttribute('data-lit')
  // Asked for, so that an animation under way begins anew.
  void card.offsetWidth
  card.dataset.lit = 'yes'
  timers.set(
    card,
    setTimeout(() => card.removeAttribute('data-lit'), litMs),
  )
}
