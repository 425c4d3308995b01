import art from '../art.svg?no-inline'

type Attribute = string | boolean | undefined | ((event: Event) => void)

/** An element with attributes, listeners (functions, by event name) and children. Text is only ever set as text. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value)
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children)
  return element
}

const svg = 'http://www.w3.org/2000/svg'

/** A picture of the sprite; words next to it say what it means. */
export function picture(name: string, className: string): SVGSVGElement {
  const element = document.createElementNS(svg, 'svg')
  element.setAttribute('class', className)
  element.setAttribute('viewBox', '0 0 64 64')
  element.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(svg, 'use')
  use.setAttribute('href', `${art}#${name}`)
  element.append(use)
  return element
}

export const setPicture = (element: Element, name: string): void => {
  element.querySelector('use')?.setAttribute('href', `${art}#${name}`)
}

/** Leaves the node alone when nothing changes: screen readers and selections notice. */
export const setText = (element: Element, text: string): void => {
  if (element.textContent !== text) element.textContent = text
}

export const hiddenText = (text: string): HTMLElement => h('span', { class: 'sr-only' }, text)

/** An element that index.html promises. */
export function mustFind(selector: string, within: ParentNode = document): HTMLElement {
  const found = within.querySelector(selector)
  if (!(found instanceof HTMLElement)) throw new Error(`the page has no ${selector}`)
  return found
}

/** An input that index.html promises. */
export function mustFindInput(selector: string, within: ParentNode = document): HTMLInputElement {
  const found = mustFind(selector, within)
  if (!(found instanceof HTMLInputElement)) throw new Error(`${selector} is no input`)
  return found
}
