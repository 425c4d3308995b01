import { mustFind } from './dom.ts'

/** Moves to a part of the page. Not with links: the address names the cart. */
export function mountJumps(): void {
  for (const jump of document.querySelectorAll('[data-jump]'))
    jump.addEventListener('click', (event) => {
      event.preventDefault()
      const heading = mustFind(`#${jump.getAttribute('data-jump')}-title`)
      heading.focus({ preventScroll: true })
      heading.closest('section')?.scrollIntoView()
    })
}
