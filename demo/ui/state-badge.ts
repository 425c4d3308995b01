import { h, picture, setPicture, setText } from './dom.ts'

/** Pending or confirmed, as a word and a sign: never by colour alone. */
export const createStateBadge = (): HTMLElement =>
  h('span', { class: 'state' }, picture('buoy', 'icon'), h('span', { class: 'state-word' }))

export function updateStateBadge(badge: HTMLElement, pending: boolean): void {
  badge.dataset.state = pending ? 'pending' : 'confirmed'
  const word = badge.querySelector('.state-word')
  if (word) setText(word, pending ? 'Pending' : 'Confirmed')
  setPicture(badge, pending ? 'buoy' : 'anchor')
}
